"""Reading tables that people bring: what a file is, is told by its bytes, never by its name.

Every reader is a stream of batches with flat memory, and refuses a hostile file before it costs any.
"""

import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import IO

from django.conf import settings

from chatboost.core.exchange import limits
from chatboost.core.exchange.batches import Batch
from chatboost.core.exchange.errors import FileRefused, FileTooLarge
from chatboost.core.exchange.reading import archives, csvs, jsons, sheets, text

_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OTHER = {b"\x1f\x8b": "gzip", b"%PDF": "PDF", b"BZh": "bzip2", b"7z\xbc\xaf": "7z", b"Rar!": "RAR"}

# Unpacked: what is read in front of the first row may be all of it.
QUICK_XLSX = 8 * 1024 * 1024
QUICK_TEXT = 64 * 1024 * 1024
# Of a file whose reader has a limit of its own, as somebody waits for it.
UNPACKED_FACTOR = 10
MAX_UNPACKED = 100 * 1024 * 1024
# Two seconds of reading; 30 columns of 20,000 rows, or 12 of 50,000.
MAX_TAGS = 2_000_000
TAGS_OF_A_CELL = 3


@dataclass(frozen=True, slots=True)
class Table:
    """A table that has been recognised; `batches` reads it, once."""

    format: str
    charset: str
    batches: Generator[Batch, None, None]


def open_table(
    stream: IO[bytes],
    *,
    charset: str = "",
    delimiter: str = "",
    max_bytes: int | None = None,
    max_rows: int | None = None,
) -> Table:
    """Recognise CSV, XLSX, a JSON array or JSON lines; what is given is not guessed.

    Limits that are not given are those of imports.

    Raises: FileRefused, here and while the batches are read.
    """
    stream.seek(0, os.SEEK_END)
    size = stream.tell()
    stream.seek(0)
    if size > (max_bytes or settings.IMPORT_MAX_BYTES):
        raise FileTooLarge(max_bytes)
    rows = max_rows or settings.IMPORT_MAX_ROWS
    most = sheets.Most(
        unpacked=min(max_bytes * UNPACKED_FACTOR, MAX_UNPACKED) if max_bytes else settings.IMPORT_MAX_BYTES,
        rows=rows,
        tags=MAX_TAGS if max_bytes else TAGS_OF_A_CELL * limits.MAX_COLUMNS * rows,
    )
    found, known, batches = _recognised(stream, charset, delimiter, most)
    return Table(found, known, _counted(batches, most.rows))


def _recognised(
    stream: IO[bytes], charset: str, delimiter: str, most: sheets.Most
) -> tuple[str, str, Iterator[Batch]]:
    head = stream.read(8)
    stream.seek(0)
    if not head:
        raise FileRefused("The file is empty.", code="empty_file")
    if head.startswith((_ZIP, _EMPTY_ZIP)):
        return "xlsx", "", sheets.read(stream, most)
    if head == _OLD_EXCEL:
        raise FileRefused("This is an old Excel file: save it as .xlsx or CSV.", code="unsupported_format")
    if other := next((name for mark, name in _OTHER.items() if head.startswith(mark)), None):
        raise FileRefused(f"This is {other}, no table.", code="unsupported_format")
    return _text_table(stream, text.charset_of(stream, given=charset), delimiter)


def is_quick(stream: IO[bytes]) -> bool:
    """Tell whether the first rows of a file can be had while somebody waits; the stream is rewound.

    The texts of an Excel file come in a part of their own, which must be read before the first cell.
    """
    stream.seek(0)
    is_archive = stream.read(len(_ZIP)) == _ZIP
    try:
        size = archives.unpacked_size(stream) if is_archive else stream.seek(0, os.SEEK_END)
    except FileRefused:
        # To say so takes no longer.
        size = 0
    stream.seek(0)
    return size <= (QUICK_XLSX if is_archive else QUICK_TEXT)


def _text_table(stream: IO[bytes], charset: str, delimiter: str) -> tuple[str, str, Iterator[Batch]]:
    head = stream.read(text.SAMPLE)
    stream.seek(0)
    begins = text.decoded(head, charset).lstrip("\ufeff \t\r\n")[:1]
    if begins == "[":
        return "json", charset, jsons.read(stream, charset=charset, is_lines=False)
    if begins == "{":
        return "jsonl", charset, jsons.read(stream, charset=charset, is_lines=True)
    return "csv", charset, csvs.read(stream, charset=charset, delimiter=delimiter)


def _counted(batches: Iterator[Batch], limit: int) -> Generator[Batch, None, None]:
    """Stop at the limit of rows."""
    count = 0
    for batch in batches:
        count += len(batch.rows) + len(batch.broken)
        if count > limit:
            raise FileRefused(
                f"There are more than {limit:,} rows: split the file.",
                code="too_many_rows",
            )
        yield batch
