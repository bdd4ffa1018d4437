"""CSV as a stream of batches: one row in memory at a time, however long a file claims its rows to be."""

import csv
import io
from collections.abc import Iterator
from typing import IO

from chatboost.core.exchange import limits
from chatboost.core.exchange.batches import Batch, headings
from chatboost.core.exchange.errors import FileRefused
from chatboost.core.exchange.reading import text

# The lines are bounded below, all of a record together; Python's own limit would say "field" for any reason.
csv.field_size_limit(limits.MAX_RECORD + 1)


def read(stream: IO[bytes], *, charset: str, delimiter: str = "") -> Iterator[Batch]:
    """Yield the rows below the headings.

    Raises: FileRefused (`line_too_long, unclosed_quote, wrong_charset, empty_file, …` of `headings`).
    """
    content = io.TextIOWrapper(stream, encoding=charset, errors="strict", newline="")
    try:
        yield from _read(content, delimiter)
    except UnicodeError as error:
        raise text.wrong_charset(charset) from error
    finally:
        # Whoever leaves it unread to the end may have closed the file before.
        if not stream.closed:
            content.detach()


def _read(content: io.TextIOWrapper, delimiter: str) -> Iterator[Batch]:
    head = content.read(text.SAMPLE)
    content.seek(0)
    lines = _Lines(content)
    number = 0
    if text.has_separator_line(head):
        next(lines)
        lines.begin()
        number = 1
    reader = csv.reader(lines, delimiter=text.delimiter_of(head, given=delimiter))
    batch = None
    try:
        for cells in reader:
            number += 1
            size = lines.begin()
            if batch is None:
                if any(cell.strip() for cell in cells):
                    batch = Batch(headings(cells))
                continue
            batch.size += size
            if size > limits.MAX_CELL and any(len(cell) > limits.MAX_CELL for cell in cells):
                batch.refuse(number, cells, f"A cell is longer than {limits.MAX_CELL // 1024} KiB.")
            else:
                batch.add(number, cells)
            if batch.is_full:
                yield batch
                batch = Batch(batch.columns)
    except csv.Error as error:
        raise _unclosed(number + 1) from error
    if batch is None:
        raise FileRefused("The file is empty.", code="empty_file")
    if lines.is_open(reader.dialect.delimiter):
        raise _unclosed(number)
    yield batch


class _Lines:
    """The lines of a text for `csv.reader`, with those of the record it is at; none is endless."""

    def __init__(self, content: io.TextIOWrapper) -> None:
        self._readline = content.readline
        self._record: list[str] = []
        self._last: list[str] = []
        self._size = 0

    def __iter__(self) -> "_Lines":
        return self

    def begin(self) -> int:
        """Begin with a new record; returns how long the one before was."""
        size, self._size, self._record = self._size, 0, []
        return size

    def __next__(self) -> str:
        line = self._readline(limits.MAX_RECORD + 1)
        if not line:
            raise StopIteration
        self._last = self._record
        self._record.append(line)
        self._size += len(line)
        if self._size > limits.MAX_RECORD:
            raise FileRefused(
                "A row is longer than 2 MiB, or a quote that opens in it is never closed.",
                code="line_too_long" if len(self._record) == 1 else "unclosed_quote",
            )
        return line

    def is_open(self, delimiter: str) -> bool:
        """Tell whether the file ends inside a quoted cell."""
        try:
            list(csv.reader(self._last, delimiter=delimiter, strict=True))
        except csv.Error as error:
            return "unexpected end of data" in str(error)
        return False


def _unclosed(number: int) -> FileRefused:
    return FileRefused(f"A quote that opens in row {number} is never closed.", code="unclosed_quote")
