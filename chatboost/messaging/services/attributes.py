"""Contact attributes: coerced, written in one statement, removed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from chatboost.core import clock, events
from chatboost.core.db import rows
from chatboost.core.errors import NotFound, ValidationFailed
from chatboost.messaging import attribute_values
from chatboost.messaging.attribute_values import AttributeValueError
from chatboost.messaging.events import AttributeChanged
from chatboost.messaging.models import Contact, ContactAttribute

# More facts about one person than this is a program gone wrong.
MAX_PER_CALL = 500

LATER_WINS = """
ON CONFLICT (contact_id, key) DO UPDATE SET value = excluded.value, value_type = excluded.value_type,
  search_value = excluded.search_value, updated_at = excluded.updated_at
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeWrite:
    """One attribute to write; `value` is plain JSON of `value_type`: see `attribute_values.coerce`."""

    organization_id: int
    contact_id: int
    key: str
    value: Any
    value_type: str


@transaction.atomic(savepoint=False)
def write(writes: Sequence[AttributeWrite]) -> None:
    """Write attributes of any contacts in one statement; of two for the same key the later one wins.

    An error in it rolls the caller's transaction back, too.
    """
    latest = {(row.contact_id, row.key): row for row in writes}
    if not latest:
        return
    # In one order everywhere, so that two writers of the same keys can't wait for each other.
    wanted = [latest[place] for place in sorted(latest)]
    rows.insert(ContactAttribute, _rows(wanted), on_conflict=LATER_WINS)
    for row in wanted:
        _announce(row.organization_id, row.contact_id, row.key)


def set_many(*, contact: Contact, entries: Sequence[Mapping[str, Any]]) -> list[ContactAttribute]:
    """Write all entries (`key`, `value`, `value_type`) or none; returns the stored rows, by key.

    Raises: ValidationFailed (`invalid_attributes`) with the messages of each key that is wrong.
    """
    if len(entries) > MAX_PER_CALL:
        raise ValidationFailed(f"At most {MAX_PER_CALL} attributes at once.", code="too_many_attributes")
    writes, problems = [], {}
    for entry in entries:
        try:
            writes.append(_read(contact, entry))
        except AttributeValueError as problem:
            problems[str(entry["key"])[:64]] = [str(problem)]
    if problems:
        raise ValidationFailed(
            "Nothing was stored: some attributes are wrong.", code="invalid_attributes", errors=problems
        )
    write(writes)
    keys = {row.key for row in writes}
    return list(ContactAttribute.objects.filter(contact=contact, key__in=keys).order_by("key"))


@transaction.atomic
def remove(attribute: ContactAttribute) -> None:
    """Forget one attribute. Raises: NotFound when somebody was faster."""
    own = ContactAttribute.objects.for_organization(attribute.organization_id)
    deleted, _ = own.filter(pk=attribute.pk).delete()
    if not deleted:
        raise NotFound("Not found.")
    _announce(attribute.organization_id, attribute.contact_id, attribute.key)


def _read(contact: Contact, entry: Mapping[str, Any]) -> AttributeWrite:
    if not attribute_values.is_key(entry["key"]):
        raise AttributeValueError(
            "A key has up to 64 letters, digits, _, dots and hyphens, and begins with a letter or _."
        )
    return AttributeWrite(
        organization_id=contact.organization_id,
        contact_id=contact.pk,
        key=entry["key"],
        value=attribute_values.coerce(entry["value"], entry["value_type"]),
        value_type=entry["value_type"],
    )


def _rows(writes: Sequence[AttributeWrite]) -> list[dict[str, Any]]:
    now = rows.moment(clock.now())
    return [
        {
            "organization_id": row.organization_id,
            "contact_id": row.contact_id,
            "key": row.key,
            "value": row.value,
            "value_type": row.value_type,
            "search_value": attribute_values.search_text(row.value),
            "updated_at": now,
        }
        for row in writes
    ]


def _announce(organization_id: int, contact_id: int, key: str) -> None:
    events.publish(AttributeChanged(organization_id=organization_id, contact_id=contact_id, key=key))
