"""Rows of a chunk into their table by one statement: staged by COPY on PostgreSQL, as JSON on SQLite."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection, models

_STAGING: Final = "exchange_rows"
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_NULL: Final = "\\N"

Field = models.Field[Any, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """Given rows as something to select from, with the parameters it takes."""

    sql: str
    parameters: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Touched:
    """Rows that a merge has created or changed: (id, key), those that were new apart."""

    created: list[tuple[int, str]]
    updated: list[tuple[int, str]]


@contextmanager
def staged(columns: Mapping[str, tuple[str, Sequence[Any]]]) -> Iterator[Source]:
    """Offer columns (name → SQL type, values) to statements; texts or None, within one transaction."""
    if connection.vendor != "postgresql":
        yield _as_json(columns)
        return
    types = ", ".join(f'"{name}" {type_}' for name, (type_, _) in columns.items())
    with connection.cursor() as cursor:
        # Of this transaction: a pooler may give the next one another connection.
        cursor.execute(f"CREATE TEMP TABLE {_STAGING} ({types}) ON COMMIT DROP")
        with cursor.copy(f"COPY {_STAGING} FROM STDIN") as copy:
            copy.write(_copy_text([values for _, values in columns.values()]))
        yield Source(f'"{_STAGING}"', ())
        cursor.execute(f"DROP TABLE {_STAGING}")


def merge(
    model: type[models.Model],
    *,
    key: str,
    organization_id: int,
    values: Mapping[str, Sequence[str | None]],
    fixed: Mapping[str, Any],
    touching: Sequence[str] = (),
) -> Touched:
    """Create the rows that are not there and change those that are; keys are distinct.

    `values` maps columns to texts: None or an empty text leaves what is there. `fixed` are values of new rows
    beside the model's defaults; those named in `touching` are set on changed rows, too. Rows are locked in
    order of the key. What would not change is not written.
    """
    with staged({name: (_type(model, name), column) for name, column in values.items()}) as source:
        statement, constants = _merging(model, key, organization_id, list(values), fixed, touching, source)
        with connection.cursor() as cursor:
            newest = 0
            if connection.vendor != "postgresql":
                # One writer at a time: whatever is above this is ours.
                cursor.execute(f'SELECT coalesce(max(id), 0) FROM "{model._meta.db_table}"')  # noqa: S608
                newest = cursor.fetchone()[0]
            cursor.execute(statement, [*constants, *source.parameters])
            rows = cursor.fetchall()
    if connection.vendor == "postgresql":
        return Touched([row[:2] for row in rows if row[2]], [row[:2] for row in rows if not row[2]])
    return Touched(
        [row[:2] for row in rows if row[0] > newest], [row[:2] for row in rows if row[0] <= newest]
    )


def differs() -> str:
    """Return the operator by which two values are not the same, NULL being one of them."""
    return "IS DISTINCT FROM" if connection.vendor == "postgresql" else "IS NOT"


def _merging(
    model: type[models.Model],
    key: str,
    organization_id: int,
    names: Sequence[str],
    fixed: Mapping[str, Any],
    touching: Sequence[str],
    source: Source,
) -> tuple[str, list[Any]]:
    """Return the statement and the values that stand in it before the source's own."""
    columns, sources, constants = [], [], []
    for column, own in _fields(model).items():
        if own.primary_key:
            continue
        columns.append(f'"{column}"')
        if column in names:
            is_text = not own.null
            sources.append(f"coalesce(given.\"{column}\", '')" if is_text else f'given."{column}"')
            continue
        value = organization_id if column == "organization_id" else fixed.get(column, own.get_default())
        sources.append("%s")
        constants.append(own.get_db_prep_save(value, connection))
    table = model._meta.db_table
    others = [name for name in names if name != key]
    merged = {name: f'coalesce(nullif(excluded."{name}", \'\'), row."{name}")' for name in others}
    changes = [f'"{name}" = {value}' for name, value in merged.items()]
    changes += [f'"{name}" = excluded."{name}"' for name in touching]
    where = " OR ".join(f'row."{name}" {differs()} {value}' for name, value in merged.items()) or "false"
    is_new = ", (xmax = 0)" if connection.vendor == "postgresql" else ""
    conflict = f"DO UPDATE SET {', '.join(changes)} WHERE {where}" if others else "DO NOTHING"
    # All names are our own models', no value is among them. Without a WHERE, SQLite takes ON for a join's.
    return (
        f'INSERT INTO "{table}" AS row ({", ".join(columns)}) '  # noqa: S608
        f'SELECT {", ".join(sources)} FROM {source.sql} AS given WHERE true ORDER BY given."{key}" '
        f'ON CONFLICT (organization_id, "{key}") WHERE "{key}" IS NOT NULL {conflict} '
        f'RETURNING id, "{key}"{is_new}',
        constants,
    )


def _as_json(columns: Mapping[str, tuple[str, Sequence[Any]]]) -> Source:
    picked = ", ".join(f"json_extract(value, '$[{at}]') AS \"{name}\"" for at, name in enumerate(columns))
    text = json.dumps(list(zip(*(values for _, values in columns.values()), strict=True)))
    return Source(f"(SELECT {picked} FROM json_each(%s))", (text,))  # noqa: S608


def _copy_text(columns: Sequence[Sequence[str | None]]) -> str:
    lines = map("\t".join, zip(*map(_copy_column, columns), strict=True))
    return "\n".join(lines) + "\n" if columns and columns[0] else ""


def _copy_column(values: Sequence[str | None]) -> list[str]:
    text = "".join(filter(None, values))
    if any(letter in text for letter in "\\\t\n\r"):
        return [_NULL if value is None else value.translate(_ESCAPES) for value in values]
    return [_NULL if value is None else value for value in values]


def _type(model: type[models.Model], column: str) -> str:
    return str(_fields(model)[column].db_type(connection))


def _fields(model: type[models.Model]) -> dict[str, Field]:
    return {str(own.column): own for own in model._meta.concrete_fields}
