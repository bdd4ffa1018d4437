"""What is in the database, as plain rows: compared before and after, and as people would compare it."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import Model

from chatboost.core.models import WorkItem, WorkState

# Bookkeeping of the loop itself. What it still owes is compared as `OPEN_WORK`.
NOT_DOMAIN = {"core_workitem", "core_workattempt", "core_counter", "core_heartbeat"}

# Columns that say when somebody last looked, not what was done. Whoever follows them reads with an overlap.
VOLATILE = {"changed_at", "updated_at"}

# One row a try: a crash leaves one more, which is what they are for. Counters of a pace end with its window.
LEDGERS_OF_TRIES = {"messaging_sendattempt", "core_file", "core_ratecounter"}

# The pseudo table of what is owed.
OPEN_WORK = "open work"

Dump = dict[str, dict[Any, Any]]
Summary = dict[str, Counter[tuple[Any, ...]]]


def take(*, without: Collection[int] = ()) -> Dump:
    """Return every row by table and primary key, and what is owed beside the items `without`."""
    found: Dump = {model._meta.db_table: {} for model in _models()}
    with connection.cursor() as cursor:
        cursor.execute(_statement(connection.vendor))
        for table, key, row in cursor.fetchall():
            found[table][key] = row
    found[OPEN_WORK] = _owed(without)
    return found


def difference(before: Dump, after: Dump) -> list[str]:
    """Return what changed, one line a row."""
    return [line for table in before for line in _changes(table, before[table], after[table])]


def moved(before: Dump, after: Dump) -> set[tuple[str, str]]:
    """Return table and primary key of every row that came, went or changed."""
    return {
        (table, str(key))
        for table in before
        if table != OPEN_WORK and before[table] != after[table]
        for key in before[table].keys() | after[table].keys()
        if before[table].get(key) != after[table].get(key)
    }


def summary(dump: Dump) -> Summary:
    """Return how many rows of each table are in each state: what people see, without ids and times."""
    return {
        model._meta.db_table: Counter(
            _words(model, json.loads(row)) for row in dump[model._meta.db_table].values()
        )
        for model in _models()
        if model._meta.db_table not in LEDGERS_OF_TRIES
    }


def _owed(without: Collection[int]) -> Counter[tuple[str, int, str | None]]:
    """Dead items count too: nothing may die of being run twice."""
    rows = WorkItem.objects.exclude(pk__in=without).values_list("kind", "subject_id", "dedupe_key", "state")
    return Counter(
        (kind, subject_id, f"{key} (dead)" if state == WorkState.DEAD else key)
        for kind, subject_id, key, state in rows
    )


def _changes(table: str, before: dict[Any, Any], after: dict[Any, Any]) -> Iterator[str]:
    if before == after:
        return
    for key in sorted(before.keys() | after.keys(), key=str):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if old is None or new is None or table == OPEN_WORK:
            yield f"{table} {key}: {old} → {new}"
            continue
        values = zip(_columns_of_table(table), json.loads(old), json.loads(new), strict=True)
        moved = [f"{name} {a!r} → {b!r}" for name, a, b in values if a != b]
        yield f"{table} {key}: {', '.join(moved)}"


@cache
def _models() -> tuple[type[Model], ...]:
    models = apps.get_models(include_auto_created=True)
    return tuple(
        model
        for model in models
        if model._meta.managed and not model._meta.proxy and model._meta.db_table not in NOT_DOMAIN
    )


@cache
def _columns(model: type[Model]) -> tuple[str, ...]:
    return tuple(field.column for field in model._meta.concrete_fields if field.column not in VOLATILE)


@cache
def _columns_of_table(table: str) -> tuple[str, ...]:
    return next(_columns(model) for model in _models() if model._meta.db_table == table)


@cache
def _statement(vendor: str) -> str:
    """Ask for all tables at once: (table, key, the row as a JSON list)."""
    as_list = "json_build_array" if vendor == "postgresql" else "json_array"
    return " UNION ALL ".join(_select(model, as_list) for model in _models())


def _select(model: type[Model], as_list: str) -> str:
    quote = connection.ops.quote_name
    assert model._meta.pk is not None
    columns = ", ".join(quote(column) for column in _columns(model))
    key, table = quote(model._meta.pk.column), model._meta.db_table
    row = f"CAST({as_list}({columns}) AS text)"
    return f"SELECT '{table}', CAST({key} AS text), {row} FROM {quote(table)}"


def _words(model: type[Model], row: Sequence[Any]) -> tuple[Any, ...]:
    """Return the values of the columns with choices: states, directions, kinds."""
    words = {field.column for field in model._meta.concrete_fields if field.choices}
    return tuple(value for column, value in zip(_columns(model), row, strict=True) if column in words)
