"""Insert and update many rows by one statement with one parameter.

`bulk_create` and `bulk_update` build a parameter, or an expression, for each value, which is most of a busy
writer's time. Here all rows travel as one JSON text, which Python's and the database's C code write and read.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db import connection, models

from chatboost.core.db import trips

ON_CONFLICT_DO_NOTHING = "ON CONFLICT DO NOTHING"

Field = models.Field[Any, Any]


def insert(
    model: type[models.Model],
    rows: Iterable[Mapping[str, Any]],
    *,
    on_conflict: str = "",
    returning: Sequence[str] = (),
) -> list[tuple[Any, ...]]:
    """Insert rows in order and return the `returning` columns of those that were inserted.

    Each row maps the same column names (`organization_id`, not `organization`) to plain values: texts,
    numbers, booleans, times, UUIDs, None (NULL, also for JSON) or JSON. Defaults, signals and `save` are
    left out.
    """
    given = list(rows)
    if not given:
        return []
    # The vendor is part of the statement's key, so that a test's second database gets its own.
    statement = _insertion(model, connection.vendor, tuple(given[0]), on_conflict, tuple(returning))
    if not returning:
        trips.write(statement, [_text(model, given)])
        return []
    with connection.cursor() as cursor:
        cursor.execute(statement, [_text(model, given)])
        return cursor.fetchall()


def create(objects: Sequence[models.Model], *, on_conflict: str = "") -> bool:
    """Insert new objects of one model in order, and give them their ids.

    Returns whether all were inserted; with `on_conflict` some may not be, and then none gets an id. Unlike
    `bulk_create`, it takes `auto_now` fields as they are.
    """
    if not objects:
        return True
    model = type(objects[0])
    columns = [column for column, field in _fields(model).items() if not field.primary_key]
    inserted = insert(model, _rows(objects, columns), on_conflict=on_conflict, returning=("id",))
    if len(inserted) < len(objects):
        return False
    # RETURNING promises no order; the ids were given in order.
    for row, (id_,) in zip(objects, sorted(inserted), strict=True):
        row.pk = id_
        row._state.adding, row._state.db = False, connection.alias
    return True


def update(objects: Iterable[models.Model], columns: Sequence[str]) -> None:
    """Write these columns of objects of one model, where their rows still are.

    Lock the rows in id order before: the statement keeps to no order.
    """
    given = list(objects)
    if not given:
        return
    statement = _change(type(given[0]), connection.vendor, tuple(columns))
    trips.write(statement, [_text(type(given[0]), _rows(given, ["id", *columns]))])


def moment(value: datetime) -> str:
    """Return an aware datetime as the database reads it; many rows at one time may share the text."""
    return str(connection.ops.adapt_datetimefield_value(value))


def _rows(objects: Sequence[models.Model], columns: Sequence[str]) -> list[dict[str, Any]]:
    fields = _fields(type(objects[0]))
    values = attrgetter(*(fields[column].attname for column in columns))
    rows = [dict(zip(columns, values(row), strict=True)) for row in objects]
    for column in columns:
        # A field of our own changes its value on the way: an encrypted one must.
        if not type(fields[column]).__module__.startswith("django."):
            for row in rows:
                row[column] = fields[column].get_prep_value(row[column])
    return rows


def _text(model: type[models.Model], rows: list[Any]) -> str:
    # Most times in a batch are the same one.
    moments: dict[datetime, str] = {}

    def known(value: Any) -> str:
        if not isinstance(value, datetime):
            return plain(value)
        if value not in moments:
            moments[value] = moment(value)
        return moments[value]

    if connection.vendor != "postgresql":
        # JSON is text there, and read as text: as the ORM writes it, or equal values would differ.
        keys = [key for key in rows[0] if isinstance(_fields(model)[key], models.JSONField)]
        texts = [{key: _json(row[key]) for key in keys} for row in rows]
        rows = [{**row, **text} for row, text in zip(rows, texts, strict=True)]
    return json.dumps(rows, default=known)


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


def plain(value: Any) -> str:
    """Return what JSON has no word for as the database reads it."""
    if isinstance(value, UUID):
        return str(value) if connection.features.has_native_uuid_field else value.hex
    return str(value)


@lru_cache(maxsize=64)
def _insertion(
    model: type[models.Model],
    vendor: str,
    columns: tuple[str, ...],
    on_conflict: str,
    returning: tuple[str, ...],
) -> str:
    # All names are our own models', no value is among them.
    table, names = model._meta.db_table, ", ".join(f'"{column}"' for column in columns)
    if vendor == "postgresql":
        source = f"SELECT {names} FROM {_recordset(model, columns)}"  # noqa: S608
    else:
        values = ", ".join(_extracted(column) for column in columns)
        # Without a WHERE, SQLite would take ON for a join's.
        source = f"SELECT {values} FROM json_each(%s) AS given WHERE true"  # noqa: S608
    tail = f" RETURNING {', '.join(returning)}" if returning else ""
    return f'INSERT INTO "{table}" ({names}) {source} {on_conflict}{tail}'


@lru_cache(maxsize=64)
def _change(model: type[models.Model], vendor: str, columns: tuple[str, ...]) -> str:
    table, names = model._meta.db_table, ("id", *columns)
    if vendor == "postgresql":
        source = _recordset(model, names)
        values = {column: f'given."{column}"' for column in names}
    else:
        source = "json_each(%s) AS given"
        values = {column: _extracted(column) for column in names}
    changes = ", ".join(f'"{column}" = {values[column]}' for column in columns)
    return f'UPDATE "{table}" SET {changes} FROM {source} WHERE "{table}"."id" = {values["id"]}'  # noqa: S608


def _recordset(model: type[models.Model], columns: Sequence[str]) -> str:
    fields = _fields(model)
    types = ", ".join(f'"{column}" {fields[column].db_type(connection)}' for column in columns)
    return f"jsonb_to_recordset(%s::jsonb) AS given ({types})"


def _extracted(column: str) -> str:
    return f"json_extract(given.value, '$.{column}')"


@lru_cache(maxsize=64)
def _fields(model: type[models.Model]) -> dict[str, Field]:
    """Return the model's fields by column."""
    return {str(field.column): field for field in model._meta.concrete_fields}
