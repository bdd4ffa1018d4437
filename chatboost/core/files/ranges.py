"""The Range header, for one range of bytes. Pure. Source: RFC 9110 §14."""

import re
from dataclasses import dataclass

# Longer numbers are beyond any file.
_ONE_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes `start` up to, and without, `end`."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """How many bytes it holds."""
        return self.end - self.start


class Unsatisfiable(Exception):
    """The range lies outside the file: 416."""


def parse(header: str | None, size: int) -> Span | None:
    """Return the range that a header asks of a file; None where the whole file is the answer.

    That is so without a header, and for what we don't serve in parts: other units, several ranges, and what
    is no range at all (§14.2: an invalid Range is ignored).

    Raises: Unsatisfiable.
    """
    match = _ONE_RANGE.fullmatch(header or "")
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        return _suffix(int(last), size)
    start, end = int(first), int(last) + 1 if last else size
    if end <= start and last:
        return None
    if start >= size:
        raise Unsatisfiable
    return Span(start, min(end, size))


def _suffix(length: int, size: int) -> Span:
    if not length or not size:
        raise Unsatisfiable
    return Span(max(0, size - length), size)
