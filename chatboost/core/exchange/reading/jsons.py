"""JSON as a stream of batches: an array of objects, or one object a line."""

import io
import json
import re
from collections.abc import Iterator, Mapping
from typing import IO, Any, Final

from chatboost.core.exchange import limits
from chatboost.core.exchange.batches import Batch, headings, require_few
from chatboost.core.exchange.errors import FileRefused
from chatboost.core.exchange.reading import text

_SPACES: Final = re.compile(r"[ \t\r\n]*")
_BLOCK: Final = 256 * 1024


def read(stream: IO[bytes], *, charset: str, is_lines: bool) -> Iterator[Batch]:
    """Yield the objects as rows; a key that comes later is a column more, `number` counts from 1.

    Raises: FileRefused (`malformed_json, line_too_long, wrong_charset, empty_file, …` of `headings`).
    """
    content = io.TextIOWrapper(stream, encoding=charset, errors="strict", newline="")
    try:
        yield from _batches(_lines(content) if is_lines else _array(content))
    except UnicodeError as error:
        raise text.wrong_charset(charset) from error
    except RecursionError as error:
        # Read, it was just not too deep; written as the text of a cell, it is.
        raise FileRefused("A value is nested too deep.", code="malformed_json") from error
    finally:
        content.detach()


def _batches(values: Iterator[tuple[Any, int]]) -> Iterator[Batch]:
    batch: Batch | None = None
    for number, (value, size) in enumerate(values, 1):
        columns = batch.columns if batch is not None else ()
        record = value if isinstance(value, dict) else {}
        if any(key not in columns for key in record):
            if batch is not None and (batch.rows or batch.broken):
                yield batch
            batch = Batch(_with_new(columns, record), is_guarded=False)
        batch = batch or Batch((), is_guarded=False)
        batch.size += size
        _add(batch, number, value)
        if batch.is_full:
            yield batch
            batch = Batch(batch.columns, is_guarded=False)
    if batch is None or not batch.columns:
        raise FileRefused("There are no rows.", code="empty_file")
    yield batch


def _with_new(columns: tuple[str, ...], record: Mapping[str, Any]) -> tuple[str, ...]:
    require_few(len({*columns, *record}))
    new = [key for key in record if key not in columns]
    return headings([*columns, *(_heading(key) for key in new)]) if new else columns


def _heading(key: str) -> str:
    if not key.strip():
        raise FileRefused("A key is empty.", code="missing_heading")
    if key != key.strip():
        raise FileRefused(f"The key “{key[:40]}” has spaces around it.", code="missing_heading")
    return key


def _add(batch: Batch, number: int, value: Any) -> None:
    if not isinstance(value, dict):
        batch.refuse(number, [], "This is no object.")
        return
    cells = [cell(value.get(column)) for column in batch.columns]
    if any(len(text) > limits.MAX_CELL for text in cells):
        batch.refuse(number, cells, f"A value is longer than {limits.MAX_CELL // 1024} KiB.")
    elif not all(text.isascii() or _is_storable(text) for text in cells):
        batch.refuse(number, [], "A value holds half of a surrogate pair.")
    else:
        batch.add(number, cells)


def cell(value: Any) -> str:
    """Return a JSON value as the text of a cell: null is empty, what is nested stays JSON."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _is_storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _lines(content: io.TextIOWrapper) -> Iterator[tuple[Any, int]]:
    place = 0
    while line := content.readline(limits.MAX_RECORD + 1):
        place += 1
        if len(line) > limits.MAX_RECORD:
            raise FileRefused(f"Line {place} is longer than 2 MiB.", code="line_too_long")
        if not line.isspace():
            yield _parsed(line, f"line {place}"), len(line)


def _parsed(text: str, where: str) -> Any:
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise FileRefused(f"This is no JSON, in {where}: {error}", code="malformed_json") from error


def _array(content: io.TextIOWrapper) -> Iterator[tuple[Any, int]]:
    """Yield the entries of an array, each with the length of its text."""
    text = _Text(content)
    text.take("[")
    if text.peek() == "]":
        return
    number = 0
    while True:
        number += 1
        before = text.place
        yield text.value(f"entry {number}"), text.place - before
        if text.take(",]") == "]":
            return


class _Text:
    """A window on a text that is only as long as the value being read."""

    def __init__(self, content: io.TextIOWrapper) -> None:
        self._content = content
        self._text = content.read(_BLOCK)
        self._at = 0
        self._gone = 0

    @property
    def place(self) -> int:
        """How many characters are behind."""
        return self._gone + self._at

    def peek(self) -> str:
        """Return the next character that is no space; nothing at the end."""
        while True:
            if spaces := _SPACES.match(self._text, self._at):
                self._at = spaces.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def take(self, wanted: str) -> str:
        """Go behind one of the wanted characters. Raises: FileRefused (`malformed_json`)."""
        found = self.peek()
        if not found or found not in wanted:
            expected = " or ".join(wanted)
            raise FileRefused(
                f"This is no JSON: {expected} was expected at character {self.place + 1}.",
                code="malformed_json",
            )
        self._at += 1
        return found

    def value(self, where: str) -> Any:
        """Read one value. Raises: FileRefused (`malformed_json, line_too_long`)."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if len(self._text) - self._at > limits.MAX_RECORD:
                    raise FileRefused(
                        f"{where.capitalize()} is longer than 2 MiB.", code="line_too_long"
                    ) from error
                if isinstance(error, RecursionError) or not self._more():
                    raise FileRefused(
                        f"This is no JSON, in {where}: {error}", code="malformed_json"
                    ) from error
                continue
            # A number at the end of the window may go on behind it.
            if end < len(self._text) or not self._more():
                self._at = end
                return value

    def _more(self) -> bool:
        block = self._content.read(_BLOCK)
        self._gone += self._at
        self._text, self._at = self._text[self._at :] + block, 0
        return bool(block)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:20]} is too large")
    return number


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
