"""Read rows of several models in one round trip, by conditions written once.

The ORM builds each query anew, which takes as long as the database's answer. Workers that read the same few
rows for every message ask here; interfaces use querysets, which know the wall between organizations.
"""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from django.db import connection, models

from chatboost.core.db import rows, trips

Field = models.Field[Any, Any]
_Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Rows of a model, as objects; with `columns` as tuples of these, `without` some as deferred fields.

    `where` is made of constants, placeholders and `among`. `is_locked` keeps the rows, in id order, until
    the transaction's end.
    """

    model: type[models.Model]
    where: str
    values: Sequence[Any]
    columns: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    is_locked: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are read."""
        return self.columns or _columns(self.model, self.without)


def fetch(*reads: Read) -> list[list[Any]]:
    """Return the rows of each read, in order; one round trip on PostgreSQL."""
    answers = _together(reads) if trips.are_texts_joined() else [_alone(read) for read in reads]
    return [_converted(read, answer) for read, answer in zip(reads, answers, strict=True)]


def among(column: str, values: Collection[Any]) -> tuple[str, Any]:
    """Return the condition that the column has one of these values, and its one value."""
    if connection.vendor == "postgresql":
        return f'"{column}" = ANY(%s)', list(values)
    return f'"{column}" IN (SELECT value FROM json_each(%s))', json.dumps(list(values), default=rows.plain)  # noqa: S608 no value is in it


def _together(reads: Sequence[Read]) -> list[list[tuple[Any, ...]]]:
    text = ";\n".join(_statement(read) for read in reads)
    with connection.cursor() as cursor:
        cursor.execute(text, [value for read in reads for value in read.values])
        answers = [cursor.fetchall()]
        while cursor.nextset():
            answers.append(cursor.fetchall())
    return answers


def _alone(read: Read) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(_statement(read), read.values)
        return cursor.fetchall()


def _statement(read: Read) -> str:
    # Names are our own models'; conditions are constants of the code.
    names = ", ".join(f'"{name}"' for name in read.names)
    tail = ""
    if read.is_locked:
        tail = " ORDER BY id FOR UPDATE" if connection.features.has_select_for_update else " ORDER BY id"
    return f'SELECT {names} FROM "{read.model._meta.db_table}" WHERE {read.where}{tail}'  # noqa: S608


def _converted(read: Read, answer: list[tuple[Any, ...]]) -> list[Any]:
    for place, convert in _conversions(read.model, connection.vendor, read.names):
        answer = [(*row[:place], convert(row[place]), *row[place + 1 :]) for row in answer]
    if read.columns:
        return answer
    names = _attributes(read.model, read.names)
    return [read.model.from_db(connection.alias, names, row) for row in answer]


@lru_cache(maxsize=64)
def _conversions(
    model: type[models.Model], vendor: str, names: tuple[str, ...]
) -> list[tuple[int, _Convert]]:
    """Return what turns the driver's values into the fields' own, by the column's place."""
    table = model._meta.db_table
    found: list[tuple[int, _Convert]] = []
    for place, name in enumerate(names):
        column = _field(model, name).get_col(table)
        converters = connection.ops.get_db_converters(column) + column.get_db_converters(connection)
        found += [(place, partial(_convert, converter, column)) for converter in converters]
    return found


def _convert(converter: Callable[..., Any], column: Any, value: Any) -> Any:
    return converter(value, column, connection)


@lru_cache(maxsize=64)
def _attributes(model: type[models.Model], names: tuple[str, ...]) -> list[str]:
    return [str(_field(model, name).attname) for name in names]


@lru_cache(maxsize=64)
def _columns(model: type[models.Model], without: tuple[str, ...]) -> tuple[str, ...]:
    columns = (str(field.column) for field in model._meta.concrete_fields)
    return tuple(column for column in columns if column not in without)


def _field(model: type[models.Model], column: str) -> Field:
    return next(field for field in model._meta.concrete_fields if field.column == column)
