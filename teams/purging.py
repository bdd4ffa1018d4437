"""Removing all rows of an organization, in batches, and in an order that foreign keys allow.

Tables, owners and order are read from the models, so a new model is covered by being there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.apps import apps
from django.db import connection, models

from chatboost.core import audit, clock, retention
from chatboost.core.files import removal
from chatboost.core.models import File
from chatboost.core.work import kinds, queue
from chatboost.core.work.kinds import Decision, Defer, Done, EffectKind, Item, Retry
from teams.models import Organization

KIND = "teams.purge_organization"
# The work is the installation's: the organization's own waits, since it is switched off.
INSTALLATION = 0
# Behind everything else that is tidied up.
PRIORITY = 90
# Files go one by one in the storage, perhaps on another machine.
FILES_AT_ONCE = 100

Model = type[models.Model]


@dataclass(frozen=True, slots=True)
class Reference:
    """A nullable foreign key that is emptied before the row it points at goes."""

    model: Model
    field: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that go. `owner` is the way to their organization: `organization_id`, `bot__organization_id`."""

    model: Model
    owner: str
    emptied: Sequence[Reference] = field(default=())

    def some(self, organization_id: int, size: int) -> list[Any]:
        """Return keys of some rows of an organization; whichever come first."""
        rows = self.model._base_manager.filter(**{self.owner: organization_id})
        return list(rows.values_list("pk", flat=True)[:size])

    def remove(self, pks: Sequence[Any]) -> None:
        """Remove rows that nothing points at any more, except what may be emptied."""
        for reference in self.emptied:
            pointing = reference.model._base_manager.filter(**{f"{reference.field}__in": pks})
            pointing.update(**{reference.field: None})
        rows = self.model._base_manager.filter(pk__in=pks)
        # Not `delete`, which would look for dependants to take along: they are gone, and where they are not
        # the database says so.
        rows._raw_delete(rows.db)


@dataclass(frozen=True, slots=True)
class Intent:
    """Files whose bytes go before their rows, so that a crash in between leaves what says where they are."""

    ids: Sequence[int]
    paths: Sequence[str]


class PurgeKind(EffectKind[Intent, None]):
    """Removes a batch of an organization's rows at a time, until there are none, and then itself."""

    name = KIND
    is_long = True

    def prepare(self, items: Sequence[Item]) -> Mapping[int, Intent | Decision]:
        """Remove the next rows; of files, say which are next."""
        return {item.id: _next(item.subject_id) for item in items}

    def call(self, intent: Intent) -> None:
        """Remove the bytes of files. Those that are gone already are no error."""
        for path in intent.paths:
            removal.remove_bytes(path)

    def settle(self, results: Sequence[tuple[Item, Intent, Exception | None]]) -> Mapping[int, Decision]:
        """Remove the rows of files whose bytes are gone."""
        decisions: dict[int, Decision] = {}
        for item, intent, outcome in results:
            if isinstance(outcome, Exception):
                decisions[item.id] = Retry(f"{type(outcome).__name__}: {outcome}")
                continue
            removal.forget(intent.ids)
            decisions[item.id] = Defer(clock.now())
        return decisions


def order(organization_id: int) -> queue.Order:
    """Return the work of removing an organization's rows."""
    return queue.Order(
        kind=KIND,
        subject_id=organization_id,
        organization_id=INSTALLATION,
        queue="maintenance",
        lane=f"{KIND}:{organization_id}",
        priority=PRIORITY,
    )


@cache
def tables() -> tuple[Table, ...]:
    """Return every table with rows of organizations, dependants first.

    The kernel's come last: some have no index by organization, and each batch looks from the beginning.
    """
    owners = _owners()
    ordered = _in_order(owners)
    emptied = _emptied(ordered)
    found = [Table(model, owners[model], tuple(emptied.get(model, ()))) for model in ordered]
    return tuple(sorted(found, key=lambda table: table.model._meta.app_label == "core"))


def _next(organization_id: int) -> Intent | Decision:
    rows = Organization.objects.select_for_update(no_key=True)
    organization = rows.filter(pk=organization_id, deleted_at__isnull=False).first()
    if organization is None:
        return Done()
    size = retention.SQLITE_CHUNK if connection.vendor == "sqlite" else retention.CHUNK
    for table in tables():
        if table.model is File and (intent := _files(organization_id)):
            return intent
        if pks := table.some(organization_id, size):
            table.remove(pks)
            return Defer(clock.now())
    _finish(organization)
    return Done()


def _files(organization_id: int) -> Intent | None:
    found = list(File.objects.for_organization(organization_id).values_list("id", "path")[:FILES_AT_ONCE])
    return Intent([pk for pk, _ in found], [path for _, path in found]) if found else None


def _finish(organization: Organization) -> None:
    """Remove the organization's own row; the installation's log says that it was there."""
    audit.record(
        actor=None,
        verb="organization.purged",
        object=organization,
        changes={"slug": (organization.slug, None), "deleted_at": (organization.deleted_at, None)},
        organization_id=INSTALLATION,
    )
    Table(Organization, "pk").remove([organization.pk])


def _owners() -> dict[Model, str]:
    """Return each model whose rows belong to an organization, with the way there."""
    every = [model for model in apps.get_models(include_auto_created=True) if not model._meta.proxy]
    owners: dict[Model, str] = {
        model: "organization_id"
        for model in every
        if any(each.attname == "organization_id" for each in model._meta.concrete_fields)
    }
    # What can't be without such a row goes with it: the rows behind a many-to-many field, say.
    while more := {
        model: f"{key.name}__{owners[key.related_model]}"
        for model in every
        if model not in owners
        for key in _keys(model)
        if not key.null and key.related_model in owners
    }:
        owners |= more
    return owners


def _in_order(owners: Mapping[Model, str]) -> list[Model]:
    """Sort the models so that whoever points comes before what it points at, where it must."""
    waiting = sorted(owners, key=lambda model: model._meta.label)
    ordered: list[Model] = []
    while waiting:
        free = [model for model in waiting if not _is_needed(model, waiting, is_strict=True)]
        free = free or [model for model in waiting if not _is_needed(model, waiting, is_strict=False)]
        if not free:
            names = ", ".join(model._meta.label for model in waiting)
            raise TypeError(f"these models need each other, so neither can be removed first: {names}")
        # One at a time: what becomes free by it goes before a reference has to be emptied.
        ordered.append(free[0])
        waiting.remove(free[0])
    return ordered


def _is_needed(model: Model, waiting: Sequence[Model], *, is_strict: bool) -> bool:
    """Tell whether another model points at this one; unless strict, one that can't do without."""
    return any(
        key.related_model is model and (is_strict or not key.null)
        for other in waiting
        if other is not model
        for key in _keys(other)
    )


def _emptied(ordered: Sequence[Model]) -> dict[Model, list[Reference]]:
    """Return what still points at a model's rows when they go, and so must let go of them."""
    place = {model: number for number, model in enumerate(ordered)}
    found: dict[Model, list[Reference]] = {}
    for model in apps.get_models(include_auto_created=True):
        for key in _keys(model):
            target = key.related_model
            if target in place and place.get(model, len(ordered)) >= place[target]:
                if not key.null:
                    raise TypeError(f"rows of {model._meta.label} need each other: none can be removed first")
                found.setdefault(target, []).append(Reference(model, key.name))
    return found


def _keys(model: Model) -> Iterator[Any]:
    for each in model._meta.concrete_fields:
        if isinstance(each, models.ForeignKey) and not model._meta.proxy:
            yield each


kinds.register(PurgeKind())
