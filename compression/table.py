"""Reading the table of a request: which column is which, and what is wrong in which row. Pure but for limits.

The file itself (charset, delimiter, Excel, bombs) is the matter of `chatboost.core.exchange.reading`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Final
from urllib.parse import urlsplit

from django.conf import settings

from chatboost.core.exchange import reading
from chatboost.core.exchange.batches import Batch
from chatboost.core.exchange.errors import FileRefused
from compression.errors import TableRefused

MAX_URL: Final = 2048
MAX_SERIAL, MAX_NAME = 100, 300
# More errors than a person reads; the rest is counted.
MAX_ERRORS: Final = 200

SERIAL, NAME, URLS = "serial number", "product name", "input image urls"
# Headings without spaces, dots, cases and other marks: "S. No." is "sno".
_HEADINGS: Final[Mapping[str, frozenset[str]]] = {
    SERIAL: frozenset(
        {
            *(
                "serialnumber",
                "serialno",
                "serialnum",
                "serial",
                "srno",
                "srnumber",
                "sno",
                "snumber",
                "slno",
            ),
            *("sr", "sl", "no", "nr", "number", "id", "index", "row"),
        }
    ),
    NAME: frozenset(
        {
            *("productname", "product", "productnames", "name", "item", "itemname", "title", "producttitle"),
            *("prodname", "sku", "productsku"),
        }
    ),
    URLS: frozenset(
        {
            *(
                "inputimageurls",
                "inputimageurl",
                "inputurls",
                "inputurl",
                "imageurls",
                "imageurl",
                "urls",
                "url",
            ),
            *("images", "image", "inputimages", "inputimage", "imagelinks", "imagelink", "links", "link"),
            *("pictures", "picture", "pictureurls", "pictureurl", "photourls", "photos", "inputimglinks"),
        }
    ),
}
_NOISE = re.compile(r"[\W_]+")
_NUMBER_SIGN = re.compile(r"[#№]")
# A comma belongs to a URL unless another one begins behind it: image services have commas in their paths.
_BETWEEN = re.compile(r"[\s,;|]+(?=[a-z][a-z0-9+.-]*://)", re.IGNORECASE)
_AROUND = " \t\r\n,;|\"'<>"
_UNCLEAN = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Row:
    """One product: `number` is where a spreadsheet shows its row."""

    number: int
    serial_number: str
    name: str
    urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the three columns are."""

    serial_number: int
    name: int
    urls: int


@dataclass(slots=True)
class _Findings:
    """What is wrong, by row, with an end to the list."""

    errors: dict[str, list[str]] = field(default_factory=dict)
    count: int = 0

    def add(self, number: int, message: str) -> None:
        self.count += 1
        if self.count <= MAX_ERRORS:
            self.errors.setdefault(f"row {number}", []).append(message)


def read(stream: IO[bytes]) -> list[Row]:
    """Return the rows of a table in which nothing is wrong.

    Raises: FileRefused, TableRefused.
    """
    table = reading.open_table(
        stream, max_bytes=settings.COMPRESSION_MAX_BYTES, max_rows=settings.COMPRESSION_MAX_ROWS
    )
    if table.format not in ("csv", "xlsx"):
        raise FileRefused("Hand in CSV or Excel (.xlsx).", code="unsupported_format")
    findings = _Findings()
    rows: list[Row] = []
    images = 0
    for batch in table.batches:
        columns = columns_of(batch.columns)
        for row in _rows(batch, columns, findings):
            rows.append(row)
            images += len(row.urls)
            if images > settings.COMPRESSION_MAX_IMAGES:
                raise _too_many_images()
    if findings.count:
        raise _refusal(findings)
    if not rows:
        raise TableRefused(
            "There are no rows below the headings.", code="no_rows", errors={"file": ["There are no rows."]}
        )
    return rows


def columns_of(headings: Sequence[str]) -> Columns:
    """Find the three columns by their headings, however they are spelled.

    Raises: TableRefused (`missing_column`).
    """
    places: dict[str, int] = {}
    for place, heading in enumerate(headings):
        plain = _NOISE.sub("", _NUMBER_SIGN.sub("no", heading).casefold())
        for column, known in _HEADINGS.items():
            if plain in known and column not in places:
                places[column] = place
                break
    missing = [column for column in _HEADINGS if column not in places]
    if missing:
        seen = ", ".join(f"“{heading[:40]}”" for heading in headings[:10])
        raise TableRefused(
            f"No column is called {' or '.join(f'“{column}”' for column in missing)}; there are {seen}.",
            code="missing_column",
            errors={"row 1": [f"There is no column “{column}”." for column in missing]},
        )
    return Columns(places[SERIAL], places[NAME], places[URLS])


def split_urls(cell: str) -> list[str]:
    """Return the URLs of a cell."""
    parts = (part.strip(_AROUND) for part in _BETWEEN.split(cell))
    return [part for part in parts if part]


def _rows(batch: Batch, columns: Columns, findings: _Findings) -> Iterator[Row]:
    for broken in batch.broken:
        findings.add(broken.number, broken.error)
    for number, cells in zip(batch.numbers, batch.rows, strict=True):
        serial, name = cells[columns.serial_number].strip(), cells[columns.name].strip()
        urls = split_urls(cells[columns.urls])
        problems = [*_problems(serial, name, urls), *filter(None, map(problem_of, urls))]
        for problem in problems:
            findings.add(number, problem)
        if not problems:
            yield Row(number, serial, name, tuple(urls))


def _problems(serial: str, name: str, urls: Sequence[str]) -> Iterator[str]:
    for words, value, most in (("serial number", serial, MAX_SERIAL), ("product name", name, MAX_NAME)):
        if not value:
            yield f"The {words} is missing."
        elif len(value) > most:
            yield f"The {words} is longer than {most} characters."
        elif "\x00" in value:
            yield f"The {words} holds a NUL character."
    if not urls:
        yield "There is no image URL."


def problem_of(url: str) -> str:
    """Return why a text is no address of an image, or "".

    Whether the place it names may be called is asked when it is: that ends the image, not the table.
    """
    shown = f"“{url[:60]}{'…' if len(url) > 60 else ''}”"
    if len(url) > MAX_URL:
        return f"{shown} is longer than {MAX_URL} characters."
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{shown} is no URL."
    if parts.scheme.lower() not in ("http", "https") or not parts.netloc or _UNCLEAN.search(url):
        return f"{shown} is no http or https URL."
    return ""


def _too_many_images() -> TableRefused:
    message = f"There are more than {settings.COMPRESSION_MAX_IMAGES:,} images: split the table."
    return TableRefused(message, code="too_many_images", errors={"file": [message]})


def _refusal(findings: _Findings) -> TableRefused:
    row, messages = next(iter(findings.errors.items()))
    errors = dict(findings.errors)
    if findings.count > MAX_ERRORS:
        errors["more"] = [f"{findings.count - MAX_ERRORS:,} more errors."]
    counted = f"{findings.count:,} errors in the table; nothing was stored. " if findings.count > 1 else ""
    return TableRefused(f"{counted}{row.capitalize()}: {messages[0]}", code="invalid_rows", errors=errors)
