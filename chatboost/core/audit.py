"""The audit log: services note who did what, in the transaction of the change itself."""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Any

import structlog
from django.db.models import DateField, Model
from django.utils.duration import duration_string

from chatboost.core.fields import EncryptedTextField
from chatboost.core.models import AuditEntry

SYSTEM = "System"
MASK = "•••"
MAX_TEXT = 300
MAX_ITEMS = 50
MAX_DEPTH = 6

Changes = Mapping[str, tuple[Any, Any]]

_SECRET_NAME = re.compile(
    r"secret|token|passw|credential|api_?key|private_?key|authori[sz]ation|cookie|signature", re.IGNORECASE
)
# Times that change with everything else, and what every row of an organization has.
_SAYS_NOTHING = {"created_at", "updated_at", "changed_at", "organization_id"}


def record(
    *,
    actor: Any,
    verb: str,
    object: Any = None,
    changes: Changes | None = None,
    organization_id: int | None = None,
) -> AuditEntry:
    """Write one entry. One INSERT, in the caller's transaction: no change, no entry, and the other way round.

    `actor` is a user, the principal of an API key, or None for the system. `object` is a model instance,
    noted before it is deleted; its organization counts unless one is given (0: the installation). `changes`
    maps a field to (before, after): any values; secrets are masked, whatever is passed.
    """
    entry = _entry(actor, verb, object, changes or {}, organization_id)
    entry.save(force_insert=True)
    return entry


def record_many(
    *,
    actor: Any,
    verb: str,
    objects: Iterable[Any],
    changes: Changes | None = None,
    organization_id: int | None = None,
) -> None:
    """Write an entry for each object, as `record` does, in one statement."""
    AuditEntry.objects.bulk_create(
        [_entry(actor, verb, each, changes or {}, organization_id) for each in objects], batch_size=500
    )


def forget(object: Model) -> None:
    """Blank what the log says about an object beside who did what: for people who are erased."""
    opts = object._meta
    AuditEntry.objects.filter(object_type=opts.label_lower, object_id=str(object.pk)).update(
        object_label=f"{opts.verbose_name} {object.pk}".capitalize(), changes={}
    )


def diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the changes between two states; a field that one of them lacks counts as None there."""
    names = [*before, *(name for name in after if name not in before)]
    return {
        name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)
    }


def changes_of(instance: Model, **new: Any) -> dict[str, tuple[Any, Any]]:
    """Return which of these new values differ from the instance's own, before they are set."""
    return diff({name: getattr(instance, name) for name in new}, new)


def state_of(instance: Model | None) -> dict[str, Any]:
    """Return an instance's loaded columns, for `diff`; of None, nothing. Asks the database nothing."""
    if instance is None:
        return {}
    deferred = instance.get_deferred_fields()
    return {
        field.attname: getattr(instance, field.attname)
        for field in instance._meta.concrete_fields
        if not (
            field.primary_key
            or field.attname in deferred
            or field.attname in _SAYS_NOTHING
            or (isinstance(field, DateField) and (field.auto_now or field.auto_now_add))
        )
    }


def _entry(actor: Any, verb: str, object: Any, changes: Changes, organization_id: int | None) -> AuditEntry:
    if organization_id is None:
        organization_id = getattr(object, "organization_id", None) or 0
    actor_id = getattr(actor, "pk", None)
    return AuditEntry(
        organization_id=organization_id,
        # The principal of a key has a word for an id; its label names the key.
        actor_id=actor_id if isinstance(actor_id, int) else None,
        actor_label=_clean(_label(actor))[:150],
        verb=verb[:64],
        object_type=object._meta.label_lower[:64] if object is not None else "",
        object_id=str(object.pk)[:64] if object is not None else "",
        object_label=_clean(str(object))[:200] if object is not None else "",
        changes={
            str(name): _pair(object, str(name), before, after) for name, (before, after) in changes.items()
        },
        request_id=str(structlog.contextvars.get_contextvars().get("request_id", ""))[:64],
    )


def _label(actor: Any) -> str:
    if actor is None:
        return SYSTEM
    return str(getattr(actor, "audit_label", None) or actor)


def _pair(object: Any, name: str, before: Any, after: Any) -> list[Any]:
    if _is_secret(object, name):
        return [MASK, MASK]
    return [_plain(before), _plain(after)]


def _is_secret(object: Any, name: str) -> bool:
    if _SECRET_NAME.search(name):
        return True
    fields = object._meta.concrete_fields if isinstance(object, Model) else ()
    return any(isinstance(field, EncryptedTextField) for field in fields if field.name == name)


def _plain(value: Any, depth: int = 0) -> Any:
    """Return what JSON, and a person who reads it, can take."""
    match value:
        case Enum():
            return _plain(value.value, depth)
        case None | bool() | int():
            return value
        case float() if math.isfinite(value):
            return value
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return duration_string(value)
        case bytes() | memoryview():
            return f"{len(value)} bytes"
        case Mapping() if depth < MAX_DEPTH:
            shown = list(value.items())[:MAX_ITEMS]
            plain = {
                _clean(key)[:100]: MASK if _SECRET_NAME.search(str(key)) else _plain(item, depth + 1)
                for key, item in shown
            }
            return plain | _rest(len(value))
        case list() | tuple() | set() | frozenset() if depth < MAX_DEPTH:
            shown = [_plain(item, depth + 1) for item in list(value)[:MAX_ITEMS]]
            left = len(value) - MAX_ITEMS
            return [*shown, f"… {left} more"] if left > 0 else shown
    return _shortened(_clean(value))


def _rest(count: int) -> dict[str, str]:
    return {"…": f"{count - MAX_ITEMS} more"} if count > MAX_ITEMS else {}


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}… {len(text) - MAX_TEXT:,} more characters"


def _clean(value: Any) -> str:
    """Return text that PostgreSQL stores: no NUL, no half of a surrogate pair."""
    return str(value).replace("\x00", "").encode("utf-8", "replace").decode()
