"""Reading and changing what organizations have set."""

from collections.abc import Iterable
from typing import Any, TypeVar

from django.db import transaction

from chatboost.core import audit, clock
from chatboost.core.errors import Conflict, ValidationFailed
from chatboost.core.models import OrganizationSettings
from chatboost.core.preferences import fields, registry
from chatboost.core.preferences.registry import Room

SettingsT = TypeVar("SettingsT")


def get(organization_id: int, type: type[SettingsT]) -> SettingsT:
    """Return an organization's settings of one room. One indexed query."""
    return get_many([organization_id], type)[organization_id]


def get_many(organization_ids: Iterable[int], type: type[SettingsT]) -> dict[int, SettingsT]:
    """Return the settings of several organizations, by id, in one query; defaults where nothing is set."""
    wanted = set(organization_ids)
    room = registry.room_of(type)
    rows = OrganizationSettings.objects.filter(organization_id__in=wanted, room=room.name)
    stored = dict(rows.values_list("organization_id", "values"))
    return {id_: _typed(room, stored.get(id_, {})) for id_ in wanted}


def set_by_organization(type: type[SettingsT]) -> dict[int, SettingsT]:
    """Return the settings of every organization that has set something, by id. One query."""
    room = registry.room_of(type)
    stored = OrganizationSettings.objects.filter(room=room.name).values_list("organization_id", "values")
    return {id_: _typed(room, values) for id_, values in stored}


def version_of(organization_id: int, type: type[Any]) -> int:
    """Return how often the settings were changed, for `change`; 0: never."""
    rows = OrganizationSettings.objects.filter(
        organization_id=organization_id, room=registry.room_of(type).name
    )
    return rows.values_list("version", flat=True).first() or 0


@transaction.atomic
def change(
    *,
    organization_id: int,
    type: type[SettingsT],
    actor: Any,
    version: int | None = None,
    **changes: Any,
) -> SettingsT:
    """Change some settings of a room and return all of them. What is not named stays.

    With `version` the change is refused when somebody else has changed the settings since.

    Raises: ValidationFailed (`invalid_settings`) by field, Conflict (`settings_changed`).
    """
    room = registry.room_of(type)
    _check(room, changes)
    row = _locked(organization_id, room)
    if version is not None and version != row.version:
        raise Conflict(
            "Somebody else changed these settings meanwhile: look at them again.", code="settings_changed"
        )
    before: Any = _typed(room, row.values)
    made = audit.diff({name: getattr(before, name) for name in changes}, changes)
    if made:
        row.values = {**row.values, **{name: fields.encode(value) for name, (_, value) in made.items()}}
        row.version += 1
        row.changed_at = clock.now()
        row.save(update_fields=["values", "version", "changed_at"])
        audit.record(actor=actor, verb="settings.changed", object=row, changes=made)
    typed: SettingsT = _typed(room, row.values)
    return typed


def _locked(organization_id: int, room: Room) -> OrganizationSettings:
    # The row is the lock, so it must be there; version 0 says that nothing was ever set.
    OrganizationSettings.objects.bulk_create(
        [OrganizationSettings(organization_id=organization_id, room=room.name, version=0)],
        ignore_conflicts=True,
    )
    rows = OrganizationSettings.objects.select_for_update()
    return rows.get(organization_id=organization_id, room=room.name)


def _check(room: Room, changes: dict[str, Any]) -> None:
    known = {each.name: each for each in room.settings}
    problems = {
        name: [fields.problem_of(known[name], value) if name in known else "There is no such setting."]
        for name, value in changes.items()
    }
    wrong = {name: found for name, found in problems.items() if found != [""]}
    if wrong:
        first = next(iter(wrong))
        raise ValidationFailed(f"{first}: {wrong[first][0]}", code="invalid_settings", errors=wrong)


def _typed(room: Room, stored: dict[str, Any]) -> Any:
    return room.type(
        **{each.name: fields.decode(each, stored[each.name]) for each in room.settings if each.name in stored}
    )
