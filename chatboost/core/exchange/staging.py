"""An import's first half: the whole file is read, checked and cleaned before anything is written.

What is left of it are parts: files of chunks, one chunk of cleaned columns a line, so that a job continues
at a byte whatever the file was; and the rejected rows, as they came, with the reason.
"""

import json
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import IO, Any, Final

from chatboost.core import files
from chatboost.core.exchange import limits, reading, writing
from chatboost.core.exchange.resources import Chunk, OrganizationResource, Plan, Rejected
from chatboost.core.models import File

PURPOSE: Final = "import"
KEPT: Final = timedelta(days=7)
PART_SIZE: Final = 8 * 1024 * 1024
"""Bytes of a part: what a step may have to fetch from a storage that can't seek."""


@dataclass(frozen=True, slots=True)
class Options:
    """How the caller wants the file read."""

    charset: str = ""
    delimiter: str = ""
    mapping: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Staged:
    """What was read: where the parts are, how many rows are good and how many not, and what columns mean."""

    parts: list[str]
    good: int
    rejected: int
    rejected_file: str | None
    format: str
    charset: str
    columns: dict[str, str | None]

    def as_json(self) -> dict[str, Any]:
        """Return it as a job's cursor keeps it."""
        return asdict(self)


class Cleaning:
    """Reads a table and cleans it chunk by chunk; knows in the end what it has seen."""

    def __init__(self, resource: OrganizationResource, stream: IO[bytes], options: Options) -> None:
        self._resource = resource
        self._options = options
        self.table = reading.open_table(stream, charset=options.charset, delimiter=options.delimiter)
        self.plan: Plan | None = None
        self.good = self.rejected = 0

    def chunks(self) -> Generator[tuple[Chunk, list[Rejected]], None, None]:
        """Yield cleaned chunks with the rows they reject. Raises: FileRefused."""
        is_strict = not self.table.format.startswith("json")
        # Closed before its stream is, also after an error.
        with closing(self.table.batches) as batches:
            for batch in batches:
                if self.plan is None or self.plan.columns != batch.columns:
                    mapping = self._options.mapping
                    self.plan = self._resource.plan(batch.columns, mapping, is_strict=is_strict)
                chunk, rejected = self._resource.clean(batch, self.plan)
                self.good += len(chunk.numbers)
                self.rejected += len(rejected)
                for portion in chunk.portions(limits.BATCH_EXTRAS):
                    yield portion, rejected
                    rejected = []


def stage(source: File, resource: OrganizationResource, *, permission: str, options: Options) -> Staged:
    """Read a file to its end and write its parts and its rejected rows. Raises: FileRefused."""
    with files.open(source) as stream, tempfile.TemporaryFile("w+", encoding="utf-8") as refusals:
        cleaning = Cleaning(resource, stream, options)
        parts = [
            files.write(
                organization_id=source.organization_id,
                purpose=PURPOSE,
                permission=permission,
                name="rows.jsonl",
                content_type="application/jsonl",
                chunks=part,
                expires_in=KEPT,
            )
            for part in _parts(_lines(cleaning, refusals))
        ]
        columns = cleaning.plan.columns if cleaning.plan else ()
        refusals.seek(0)
        rejected = _write_rejected(source, columns, refusals, permission) if cleaning.rejected else None
    return Staged(
        parts=[str(part.uuid) for part in parts],
        good=cleaning.good,
        rejected=cleaning.rejected,
        rejected_file=str(rejected.uuid) if rejected else None,
        format=cleaning.table.format,
        charset=cleaning.table.charset,
        columns=cleaning.plan.meanings() if cleaning.plan else {},
    )


def dumped(chunk: Chunk) -> bytes:
    """Return a chunk as one line."""
    columns = {"numbers": chunk.numbers, "fields": chunk.fields, "extras": chunk.extras}
    return json.dumps(columns, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def loaded(line: bytes) -> Chunk:
    """Return the chunk of a line."""
    chunk = json.loads(line)
    return Chunk(
        chunk["numbers"], chunk["fields"], {name: tuple(one) for name, one in chunk["extras"].items()}
    )


def _lines(cleaning: Cleaning, refusals: IO[str]) -> Iterator[bytes]:
    for chunk, rejected in cleaning.chunks():
        for row in rejected:
            refusals.write(json.dumps(row) + "\n")
        if chunk.numbers:
            yield dumped(chunk)


def _parts(lines: Iterator[bytes]) -> Iterator[Iterator[bytes]]:
    """Share lines out into streams of some megabytes; each must be read to its end before the next."""

    def part(line: bytes) -> Iterator[bytes]:
        size = 0
        following: bytes | None = line
        while following is not None:
            yield following
            size += len(following)
            if size >= PART_SIZE:
                return
            following = next(lines, None)

    for line in lines:
        yield part(line)


def _write_rejected(source: File, columns: tuple[str, ...], refusals: IO[str], permission: str) -> File:
    width = len(columns)

    def table() -> Iterator[list[list[Any]]]:
        for line in refusals:
            number, cells, error = json.loads(line)
            yield [[*cells, *[""] * (width - len(cells)), number, error]]

    stem = source.name.rpartition(".")[0] or source.name
    return files.write(
        organization_id=source.organization_id,
        purpose=PURPOSE,
        permission=permission,
        name=f"{stem}-rejected.csv",
        content_type=writing.FORMATS["csv"].content_type,
        chunks=writing.FORMATS["csv"].write([*columns, "row", "error"], table()),
        expires_in=KEPT,
    )
