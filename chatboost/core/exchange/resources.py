"""Resources: which columns of an organization's rows are imported and exported, and how they are read.

A room declares one on django-import-export's `ModelResource`; the kernel reads files, runs the jobs, keeps
the counts and writes the rejected rows. Cleaning goes by column and writing by set: a million rows are never
a million objects.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.db.models import QuerySet
from import_export import resources

from chatboost.core.exchange import cells
from chatboost.core.exchange.batches import Batch
from chatboost.core.exchange.columns import CLEAR, Cleaner, Column
from chatboost.core.exchange.errors import FileRefused

Rejected = tuple[int, list[str], str]
"""A row that was refused: its number, its cells, and why."""

_SEPARATORS = re.compile(r"[\s_.-]+")


@dataclass(frozen=True, slots=True)
class Extra:
    """A column beyond the model's own, such as an attribute; `type` is the room's word."""

    name: str
    type: str
    cleaner: Cleaner


@dataclass(frozen=True, slots=True)
class Plan:
    """What each column of a file means: by place, a field's name or an extra. The others are ignored."""

    columns: tuple[str, ...]
    fields: Mapping[int, str]
    extras: Mapping[int, Extra]

    def meanings(self) -> dict[str, str | None]:
        """Return for each heading what it is read as, for people; None: ignored."""
        known = {**self.fields, **{place: extra.name for place, extra in self.extras.items()}}
        return {heading: known.get(place) for place, heading in enumerate(self.columns)}


@dataclass(slots=True)
class Chunk:
    """Cleaned rows, by column: texts, None (leave as it is) or CLEAR. What a job stages and writes.

    A value of an extra that is no text stands in a list of one: false is a value there.
    """

    numbers: list[int]
    fields: dict[str, list[Any]]
    extras: dict[str, tuple[str, list[Any]]] = field(default_factory=dict)

    def keep(self, places: Sequence[int]) -> "Chunk":
        """Return the rows at these places."""
        return Chunk(
            [self.numbers[place] for place in places],
            {name: [values[place] for place in places] for name, values in self.fields.items()},
            {
                name: (type_, [values[place] for place in places])
                for name, (type_, values) in self.extras.items()
            },
        )

    def portions(self, most: int) -> Iterator["Chunk"]:
        """Yield the rows in chunks with so many cells of extras at most, but a row at least."""
        at_once = max(most // max(len(self.extras), 1), 1)
        if len(self.numbers) <= at_once or not self.extras:
            yield self
            return
        for start in range(0, len(self.numbers), at_once):
            yield self.keep(range(start, min(start + at_once, len(self.numbers))))

    def distinct(self, key: str) -> tuple["Chunk", int, int]:
        """Return the chunk with one row for each key, and how many others changed something, or nothing.

        Rows of one key are written as if one came after the other: a later cell that says something counts.
        """
        keys = self.fields[key]
        places = {value: place for place, value in reversed(list(enumerate(keys)))}
        if len(places) == len(keys):
            return self, 0, 0
        changed = 0
        columns = [*self.fields.values(), *(values for _, values in self.extras.values())]
        columns = [column for column in columns if column is not keys]
        for place, value in enumerate(keys):
            first = places[value]
            if first != place:
                news = [one for one in columns if one[place] is not None and one[place] != one[first]]
                # To clear what no row before has set is most likely nothing.
                changed += any(one[place] is not CLEAR or one[first] is not None for one in news)
                for column in news:
                    column[first] = column[place]
        repeats = len(keys) - len(places)
        return self.keep(sorted(places.values())), changed, repeats - changed


@dataclass(slots=True)
class Counts:
    """What writing a chunk has done."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """What a row would do: `create`, `update` or `nothing`; `changes` maps a column to (before, after)."""

    row: int
    key: str
    action: str
    changes: dict[str, tuple[Any, Any]]


class OrganizationResource(resources.ModelResource):
    """A resource of one organization; rows are told apart by `key`, a natural key within it."""

    key: ClassVar[str]
    ignored: ClassVar[frozenset[str]] = frozenset()
    """Headings of an export that an import leaves alone."""

    def __init__(self, organization: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.organization = organization

    @property
    def organization_id(self) -> int:
        """The organization's number."""
        return int(getattr(self.organization, "pk", self.organization))

    def get_queryset(self) -> QuerySet[Any]:
        """Return the organization's rows; nothing else is ever read or exported."""
        rows: QuerySet[Any] = self._meta.model._default_manager.filter(organization_id=self.organization_id)
        return rows

    # What a room may say

    def read_extra(self, heading: str) -> Extra | None:
        """Return what a heading that is no field means; None: it is ignored. Raises: FileRefused."""
        return None

    def extra_columns(self) -> Sequence[str]:
        """Return the headings of the extras of an export."""
        return ()

    def extras_of(self, ids: Sequence[int]) -> Mapping[int, Mapping[str, Any]]:
        """Return the extras of rows by id and name."""
        return {}

    def write(self, chunk: Chunk) -> Counts:
        """Write a chunk in the caller's transaction, by statements of sets; a repeat changes nothing."""
        raise NotImplementedError

    # Reading

    def imported(self) -> dict[str, Column]:
        """Return the columns that an import may write, by the model's name."""
        return {str(column.attribute): column for column in self.get_import_fields() if not column.readonly}

    def plan(
        self,
        headings: Sequence[str],
        mapping: Mapping[str, str | None] | None = None,
        *,
        is_strict: bool = True,
    ) -> Plan:
        """Say what each column means. `mapping` gives headings another name, or None to ignore them.

        Raises: FileRefused (`duplicate_heading, missing_column, unknown_column, invalid_mapping`).
        """
        known = self._known()
        mapping = dict(mapping or {})
        if is_strict and (lost := [name for name in mapping if name not in headings]):
            raise FileRefused(f"There is no column “{lost[0][:40]}” to map.", code="invalid_mapping")
        fields: dict[int, str] = {}
        extras: dict[int, Extra] = {}
        for place, heading in enumerate(headings):
            name = mapping.get(heading, heading)
            if name is None or plain(name) in self.ignored:
                continue
            if found := known.get(plain(name)):
                _require_new(found, fields.values(), heading)
                fields[place] = found
            elif extra := self.read_extra(name):
                _require_new(extra.name, (other.name for other in extras.values()), heading)
                extras[place] = extra
        self._require_complete(fields.values(), is_strict)
        return Plan(tuple(headings), fields, extras)

    def clean(self, batch: Batch, plan: Plan) -> tuple[Chunk, list[Rejected]]:
        """Clean a batch column by column; a row with an error in any cell is rejected whole."""
        errors: dict[int, list[str]] = {}
        plainly = cells.unguarded if batch.is_guarded else list
        columns = [plainly(column) for column in zip(*batch.rows, strict=True)]
        chunk = Chunk(batch.numbers, {})
        places = {name: place for place, name in plan.fields.items()}
        for name, column in self.imported().items():
            place = places.get(name)
            if place is not None:
                texts = columns[place] if columns else []
                chunk.fields[name] = _cleaned(column, texts, plan.columns[place], errors)
            elif column.is_required:
                blank = [""] * len(batch.rows)
                chunk.fields[name] = _cleaned(column, blank, name, errors)
        for place, extra in plan.extras.items():
            texts = columns[place] if columns else []
            values = _cleaned(extra.cleaner, texts, plan.columns[place], errors)
            chunk.extras[extra.name] = (extra.type, values)
        rejected: list[Rejected] = [(row.number, plainly(row.cells), row.error) for row in batch.broken]
        if not errors:
            return chunk, rejected
        for at, messages in sorted(errors.items()):
            # As they were meant: the file of rejected rows puts quotes of its own.
            rejected.append((batch.numbers[at], [column[at] for column in columns], "; ".join(messages)))
        good = [at for at in range(len(batch.rows)) if at not in errors]
        return chunk.keep(good), sorted(rejected)

    def compare(self, chunk: Chunk) -> list[Difference]:
        """Say what `write` would do with each row, reading only."""
        keys = chunk.fields[self.key]
        names = [name for name in chunk.fields if name != self.key]
        rows = self.get_queryset().filter(**{f"{self.key}__in": set(keys)}).values("id", self.key, *names)
        before: dict[str, dict[str, Any]] = {row[self.key]: row for row in rows}
        extras = self.extras_of([row["id"] for row in before.values()]) if chunk.extras else {}
        known: dict[str, dict[str, Any]] = {
            key: {**{name: row[name] for name in names}, **extras.get(row["id"], {})}
            for key, row in before.items()
        }
        return [self._difference(chunk, at, key, known) for at, key in enumerate(keys)]

    def _difference(self, chunk: Chunk, at: int, key: str, known: dict[str, dict[str, Any]]) -> Difference:
        wanted = {name: values[at] for name, values in chunk.fields.items() if name != self.key}
        wanted |= {name: values[at] for name, (_, values) in chunk.extras.items()}
        old = known.get(key)
        changes = {}
        for name, value in wanted.items():
            was = (old or {}).get(name)
            now = None if value is CLEAR else value[0] if isinstance(value, list) else value
            if value is not None and (None if was == "" else was) != now:
                changes[name] = (was, now)
        # The next row of the same key finds what this one leaves.
        known[key] = {**(old or {}), **{name: after for name, (_, after) in changes.items()}}
        action = "create" if old is None else "update" if changes else "nothing"
        return Difference(chunk.numbers[at], key, action, changes)

    # Writing files

    def exported(self) -> list[tuple[str, str]]:
        """Return heading and attribute of the exported columns, in order."""
        return [(str(column.column_name), str(column.attribute)) for column in self.get_export_fields()]

    def table(self, rows: QuerySet[Any], *, at_once: int = 2000) -> Iterator[list[list[Any]]]:
        """Yield the values of rows in order of id, some thousand at a time, each from one statement."""
        attributes = [attribute for _, attribute in self.exported()]
        names = list(self.extra_columns())
        last = 0
        while True:
            page = list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", *attributes)[:at_once])
            if not page:
                return
            last = page[-1][0]
            extras = self.extras_of([row[0] for row in page]) if names else {}
            yield [[*row[1:], *(extras.get(row[0], {}).get(name) for name in names)] for row in page]
            if len(page) < at_once:
                return

    def _known(self) -> dict[str, str]:
        known: dict[str, str] = {}
        for name, column in self.imported().items():
            known |= {plain(word): name for word in (name, str(column.column_name), *column.aliases)}
        return known

    def _require_complete(self, found: Iterable[str], is_strict: bool) -> None:
        missing = [
            str(column.column_name)
            for name, column in self.imported().items()
            if column.is_required and name not in found
        ]
        if is_strict and missing:
            raise FileRefused(f"The column “{missing[0]}” is missing.", code="missing_column")


def plain(heading: str) -> str:
    """Return a heading as it is compared: case, spaces, dots, dashes and underscores don't count."""
    return _SEPARATORS.sub("", heading).casefold()


def _require_new(name: str, names: Iterable[str], heading: str) -> None:
    if name in names:
        raise FileRefused(
            f"The column “{heading}” means “{name}”, as another one does.", code="duplicate_heading"
        )


def _cleaned(cleaner: Cleaner, texts: Sequence[str], heading: str, errors: dict[int, list[str]]) -> list[Any]:
    values, wrong = cleaner.clean_many(texts)
    for place, message in wrong.items():
        errors.setdefault(place, []).append(f"{heading}: {message}")
    if "\x00" in "".join(texts):
        for place, text in enumerate(texts):
            if "\x00" in text:
                errors.setdefault(place, []).append(f"{heading}: A NUL character.")
    return values
