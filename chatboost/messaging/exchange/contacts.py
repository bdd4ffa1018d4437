"""Contacts as a table: imported by phone number, exported with their attributes.

    phone                   in any notation; required. Also: mobile, phone number, tel, whatsapp, …
    first_name, last_name   also: given name, surname, …
    email, language         also: e-mail, lang, locale, …
    city                    every other column is an attribute of that name, a text
    age:number              with its type: string, number, boolean, json, date or datetime
    attribute:email         an attribute whose name is also a column's; `attribute:age:number` with its type

An empty cell leaves what is known, `--` clears it. Whether somebody may be written to is not imported: the
columns `status`, `id`, `created_at` and `updated_at` of an export are left alone.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Final

from django.db import connection
from django.db.models import QuerySet

from chatboost.core import clock, events
from chatboost.core.db import rows
from chatboost.core.exchange import upsert
from chatboost.core.exchange.columns import CLEAR, Column, TextColumn
from chatboost.core.exchange.errors import FileRefused
from chatboost.core.exchange.resources import Chunk, Counts, Extra, OrganizationResource
from chatboost.messaging import attribute_values
from chatboost.messaging.events import AttributeChanged, ContactCreated
from chatboost.messaging.exchange.columns import AttributeCells, EmailColumn, LanguageColumn, PhoneColumn
from chatboost.messaging.models import Contact, ContactAttribute, ValueType

ATTRIBUTE: Final = "attribute:"
SOURCE: Final = "import"
MAX_EXPORTED_ATTRIBUTES: Final = 200
_TYPES: Final = frozenset(ValueType.values)
_NO_KEY_LETTER: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_TOUCHING: Final = ("updated_at",)


class ContactResource(OrganizationResource):
    """Contacts and their attributes."""

    key: ClassVar[str] = "phone"
    ignored: ClassVar[frozenset[str]] = frozenset({"id", "status", "createdat", "updatedat", "row", "error"})

    phone = PhoneColumn(
        attribute="phone",
        column_name="phone",
        is_required=True,
        aliases=(
            *("phone number", "telephone", "tel", "mobile", "mobile number", "mobile phone", "cell"),
            *("cell phone", "whatsapp", "whatsapp number", "msisdn"),
        ),
    )
    first_name = TextColumn(
        attribute="first_name", column_name="first_name", max_length=100, aliases=("given name", "forename")
    )
    last_name = TextColumn(
        attribute="last_name", column_name="last_name", max_length=100, aliases=("surname", "family name")
    )
    email = EmailColumn(
        attribute="email", column_name="email", max_length=254, aliases=("mail", "email address")
    )
    language = LanguageColumn(
        attribute="language",
        column_name="language",
        max_length=16,
        aliases=("lang", "locale", "language code"),
    )
    status = Column(attribute="status", column_name="status", is_imported=False)
    created_at = Column(attribute="created_at", column_name="created_at", is_imported=False)

    class Meta:
        model = Contact
        import_id_fields = ("phone",)
        fields = ("phone", "first_name", "last_name", "email", "language", "status", "created_at")
        export_order = fields

    def get_queryset(self) -> QuerySet[Any]:
        """Return the contacts who are not forgotten."""
        return super().get_queryset().filter(erased_at=None)

    def read_extra(self, heading: str) -> Extra | None:
        """Return the attribute that a heading names. Raises: FileRefused (`unknown_column`)."""
        text = heading.strip()
        is_named = text.casefold().startswith(ATTRIBUTE)
        text = text[len(ATTRIBUTE) :] if is_named else text
        name, colon, value_type = text.rpartition(":")
        if colon and value_type.strip().casefold() in _TYPES:
            text, value_type = name, value_type.strip().casefold()
        else:
            value_type = ValueType.STRING.value
        key = text.strip() if is_named else _NO_KEY_LETTER.sub("_", text.strip()).strip("_")
        if not attribute_values.is_key(key):
            raise FileRefused(
                f"The column “{heading[:40]}” can't name an attribute: a letter, then letters, digits and _, "
                "64 at most.",
                code="unknown_column",
            )
        return Extra(f"{ATTRIBUTE}{key}", value_type, AttributeCells(value_type))

    def extra_columns(self) -> Sequence[str]:
        """Return the attributes of an export, as headings that an import reads again."""
        return [heading for heading, _, _ in self._attributes]

    @cached_property
    def _attributes(self) -> list[tuple[str, str, str]]:
        """Every attribute in use: heading, key and type."""
        known = ContactAttribute.objects.filter(organization_id=self.organization_id)
        pairs = known.order_by("key", "value_type").values_list("key", "value_type").distinct()
        found = list(pairs[:MAX_EXPORTED_ATTRIBUTES])
        # Of a key with several types there is one column, of the first; its cells keep their text.
        types = dict(reversed(found))
        return [
            (f"{ATTRIBUTE}{key}" + ("" if type_ == ValueType.STRING else f":{type_}"), key, type_)
            for key, type_ in sorted(types.items())
        ]

    def extras_of(self, ids: Sequence[int]) -> Mapping[int, Mapping[str, Any]]:
        """Return the attributes of contacts by id, under their name and under their export's heading."""
        headings = {key: heading for heading, key, _ in self._attributes}
        found: dict[int, dict[str, Any]] = {}
        known = ContactAttribute.objects.filter(organization_id=self.organization_id, contact_id__in=ids)
        for contact_id, key, value in known.values_list("contact_id", "key", "value"):
            text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
            found.setdefault(contact_id, {}).update(
                {headings.get(key, key): text, f"{ATTRIBUTE}{key}": value}
            )
        return found

    def write(self, chunk: Chunk) -> Counts:
        """Write a chunk of contacts with their attributes, and say who is new."""
        chunk, changed, same = chunk.distinct(self.key)
        now = clock.now()
        touched = upsert.merge(
            Contact,
            key=self.key,
            organization_id=self.organization_id,
            values={name: [value or None for value in values] for name, values in chunk.fields.items()},
            fixed={"created_at": now, "updated_at": now},
            touching=_TOUCHING,
        )
        created = {id_ for id_, _ in touched.created}
        updated = {id_ for id_, _ in touched.updated}
        updated |= self._clear_fields(chunk, now)
        updated |= self._write_attributes(chunk, now)
        updated -= created
        self._announce(created)
        total = len(chunk.numbers)
        return Counts(len(created), len(updated) + changed, total - len(created) - len(updated) + same)

    def _clear_fields(self, chunk: Chunk, now: Any) -> set[int]:
        """Empty the fields whose cell says so. Returns the contacts that had something there."""
        cleared: set[int] = set()
        phones = chunk.fields[self.key]
        for name, values in chunk.fields.items():
            wanted = [phones[at] for at, value in enumerate(values) if value is CLEAR]
            if not wanted:
                continue
            people = Contact.objects.filter(organization_id=self.organization_id, phone__in=wanted)
            ids = list(people.exclude(**{name: ""}).order_by("id").values_list("id", flat=True))
            Contact.objects.filter(organization_id=self.organization_id, id__in=ids).update(
                **{name: "", "updated_at": now}
            )
            cleared |= set(ids)
        return cleared

    def _write_attributes(self, chunk: Chunk, now: Any) -> set[int]:
        """Write and remove attributes. Returns the contacts of whom something has changed."""
        if not chunk.extras:
            return set()
        changed = [*self._remove_attributes(chunk), *self._set_attributes(chunk, now)]
        if changed and events.subscriptions(AttributeChanged.name):
            events.publish_many(
                [
                    AttributeChanged(organization_id=self.organization_id, contact_id=contact_id, key=key)
                    for contact_id, key in sorted(changed)
                ]
            )
        return {contact_id for contact_id, _ in changed}

    def _set_attributes(self, chunk: Chunk, now: Any) -> list[tuple[int, str]]:
        columns = list(zip(*_attribute_rows(chunk, self.key), strict=True))
        if not columns:
            return []
        names = ("phone", "key", "value", "value_type", "search_value")
        with upsert.staged(
            {name: ("text", column) for name, column in zip(names, columns, strict=True)}
        ) as given:
            parameters = [self.organization_id, rows.moment(now), *given.parameters, self.organization_id]
            with connection.cursor() as cursor:
                cursor.execute(_setting(given), parameters)
                return cursor.fetchall()

    def _remove_attributes(self, chunk: Chunk) -> list[tuple[int, str]]:
        removed: list[tuple[int, str]] = []
        phones = chunk.fields[self.key]
        for name, (_, values) in chunk.extras.items():
            key = name.removeprefix(ATTRIBUTE)
            wanted = [phones[at] for at, value in enumerate(values) if value is CLEAR]
            if not wanted:
                continue
            theirs = ContactAttribute.objects.filter(
                organization_id=self.organization_id, key=key, contact__phone__in=wanted
            )
            found = list(theirs.order_by("contact_id").values_list("id", "contact_id"))
            ContactAttribute.objects.filter(
                organization_id=self.organization_id, id__in=[id_ for id_, _ in found]
            ).delete()
            removed += [(contact_id, key) for _, contact_id in found]
        return removed

    def _announce(self, created: Iterable[int]) -> None:
        if events.subscriptions(ContactCreated.name):
            events.publish_many(
                [
                    ContactCreated(organization_id=self.organization_id, contact_id=id_, source=SOURCE)
                    for id_ in sorted(created)
                ]
            )


def _attribute_rows(chunk: Chunk, key: str) -> Iterable[tuple[str, str, str | None, str, str]]:
    phones = chunk.fields[key]
    for name, (type_, values) in chunk.extras.items():
        attribute = name.removeprefix(ATTRIBUTE)
        for phone, cell in zip(phones, values, strict=True):
            if cell is None or cell is CLEAR:
                continue
            value = cell[0] if isinstance(cell, list) else cell
            # As the ORM stores it: null is the database's own.
            text = json.dumps(value) if value is not None else None
            yield phone, attribute, text, type_, attribute_values.search_text(value)


def _setting(given: upsert.Source) -> str:
    """Return the statement that writes attributes of contacts by phone; what is the same stays untouched."""
    is_postgres = connection.vendor == "postgresql"
    value = "given.value::jsonb" if is_postgres else "given.value"
    # SQLite does not know how few rows are given: it would read all of them once for each contact. Of a
    # cross join it keeps the order.
    join = "JOIN" if is_postgres else "CROSS JOIN"
    # All names are our own, no value is among them. Without a WHERE, SQLite takes ON for a join's.
    return f"""
        INSERT INTO messaging_contactattribute AS row
          (organization_id, contact_id, key, value, value_type, search_value, updated_at)
        SELECT %s, contact.id, given.key, {value}, given.value_type, given.search_value,
               {"%s::timestamptz" if is_postgres else "%s"}
        FROM {given.sql} AS given
        {join} messaging_contact AS contact
          ON contact.phone = given.phone AND contact.organization_id = %s
        WHERE true
        ORDER BY contact.id, given.key
        ON CONFLICT (contact_id, key) DO UPDATE
          SET value = excluded.value, value_type = excluded.value_type,
              search_value = excluded.search_value, updated_at = excluded.updated_at
          WHERE row.value {upsert.differs()} excluded.value OR row.value_type <> excluded.value_type
        RETURNING contact_id, key
        """  # noqa: S608
