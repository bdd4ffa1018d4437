"""XLSX as a stream of batches.

openpyxl builds a row's whole tree, and all texts that cells share, before one can look at them: a small file
takes gigabytes. Here a cell is counted when its tag is read. What a cell's style means is openpyxl's to say.

Source: ECMA-376 Part 1 (5th edition), 18.3.1.4 (c), 18.4.9 (sst), 18.8.10 (cellXfs), 18.8.30 (numFmt).
"""

import zipfile
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from posixpath import join, normpath
from typing import IO, Final

from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, from_excel

from chatboost.core.exchange import limits
from chatboost.core.exchange.batches import Batch, headings, require_few
from chatboost.core.exchange.errors import FileRefused
from chatboost.core.exchange.reading import archives, xml

WORKBOOK: Final = "xl/workbook.xml"
_RELATIONS: Final = "xl/_rels/workbook.xml.rels"
_STYLES: Final = "xl/styles.xml"
_STRINGS: Final = "xl/sharedStrings.xml"
MAX_ROW: Final = 1_048_576
MAX_STRINGS: Final = 4_000_000
MAX_STRING_BYTES: Final = 64 * 1024 * 1024
# Cells of a row, empty ones too: as many as Excel has columns.
_MAX_CELLS: Final = 16_384
_TOO_LONG: Final = "\x00too long"
# LookupError is an encoding that nobody knows, too, and what zipfile can't do is not implemented.
_DAMAGES: Final = (
    *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError),
    *(LookupError, ValueError, OverflowError),
)
# Tags of the parts in front of the sheet. Only texts may be many: of some runs each, of some tags each.
MAX_TAGS: Final = 500_000
MAX_STRING_TAGS: Final = 10 * MAX_STRINGS
EMPTY_ROWS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Most:
    """How much a spreadsheet may ask of us: bytes unpacked, rows, and tags of the sheet, or of its texts."""

    unpacked: int
    rows: int
    tags: int

    @property
    def row_tags(self) -> int:
        """How many rows may stand there: some are empty but coloured."""
        return self.rows + EMPTY_ROWS


def read(stream: IO[bytes], most: Most) -> Iterator[Batch]:
    """Yield the rows of the first sheet below its headings.

    Raises: FileRefused (`unsafe_archive, unsafe_xml, not_a_spreadsheet, malformed_spreadsheet,
    too_many_rows, …`).
    """
    archive = archives.open_archive(stream, max_unpacked=most.unpacked)
    if WORKBOOK not in archive.namelist():
        raise FileRefused("This archive is no Excel file (.xlsx).", code="not_a_spreadsheet")
    try:
        book = _Book.of(archive, most)
        yield from _batches(_rows(archive, book, most))
    except _DAMAGES as error:
        raise FileRefused(f"This spreadsheet is damaged: {error}.", code="malformed_spreadsheet") from error
    finally:
        archive.close()


def _batches(rows: Iterator[tuple[int, list[str]]]) -> Iterator[Batch]:
    batch: Batch | None = None
    for number, cells in rows:
        if batch is None:
            if any(cell.strip() for cell in cells):
                batch = Batch(headings(cells))
            continue
        batch.size += sum(map(len, cells))
        if _TOO_LONG in cells:
            batch.refuse(number, [], f"A cell is longer than {limits.MAX_CELL // 1024} KiB.")
        else:
            batch.add(number, cells)
        if batch.is_full:
            yield batch
            batch = Batch(batch.columns)
    if batch is None:
        raise FileRefused("The first sheet is empty.", code="empty_file")
    yield batch


@dataclass(slots=True)
class _Book:
    """What cells refer to: shared texts, which styles are dates, and where days begin."""

    sheet: str
    epoch: datetime = CALENDAR_WINDOWS_1900
    dates: list[bool] = field(default_factory=list)
    texts: "_Texts" = field(default_factory=lambda: _Texts())

    @classmethod
    def of(cls, archive: zipfile.ZipFile, most: Most) -> "_Book":
        """Read everything but the sheet itself."""
        names = set(archive.namelist())
        sheet, epoch = _first_sheet(archive, names)
        book = cls(sheet, epoch)
        if _STYLES in names:
            book.dates = _date_styles(archive)
        if _STRINGS in names:
            book.texts = _shared(archive, most)
        return book


class _Texts:
    """Texts one after the other in UTF-8: a million of them as objects would take four times the room."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends = array("L", [0])

    def add(self, text: str) -> None:
        """Append a text. Raises: FileRefused (`malformed_spreadsheet`)."""
        self._bytes += text.encode()
        self._ends.append(len(self._bytes))
        if len(self._ends) > MAX_STRINGS or len(self._bytes) > MAX_STRING_BYTES:
            raise FileRefused(
                "This spreadsheet holds too many different texts: save it as CSV.",
                code="malformed_spreadsheet",
            )

    def __getitem__(self, index: int) -> str:
        if not 0 <= index < len(self._ends) - 1:
            raise KeyError("a cell refers to a text that is not there")
        return self._bytes[self._ends[index] : self._ends[index + 1]].decode()


def _first_sheet(archive: zipfile.ZipFile, names: set[str]) -> tuple[str, datetime]:
    sheets: list[str] = []
    targets: dict[str, str] = {}
    epochs = [CALENDAR_WINDOWS_1900]

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "sheet" and len(sheets) < _MAX_CELLS:
            sheets.append(next((value for key, value in attributes.items() if key.endswith(":id")), ""))
        elif name == "workbookPr" and attributes.get("date1904") in ("1", "true"):
            epochs[0] = CALENDAR_MAC_1904
        elif name == "Relationship" and len(targets) < _MAX_CELLS:
            targets[attributes.get("Id", "")] = attributes.get("Target", "")

    _walk(archive, WORKBOOK, start)
    if _RELATIONS in names:
        _walk(archive, _RELATIONS, start)
    target = targets.get(sheets[0], "") if sheets else ""
    path = normpath(join("xl", target)).lstrip("/")
    if path not in names:
        raise FileRefused("This spreadsheet has no sheet.", code="malformed_spreadsheet")
    return path, epochs[0]


def _date_styles(archive: zipfile.ZipFile) -> list[bool]:
    """Return of each cell style whether its numbers are dates or times."""
    formats: dict[str, str] = {str(number): code for number, code in BUILTIN_FORMATS.items()}
    used: list[str] = []
    inside: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        inside.append(name)
        if len(formats) + len(used) > 200_000:
            raise FileRefused("This spreadsheet has too many styles.", code="unsafe_xml")
        if name == "numFmt":
            formats[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")[: limits.MAX_HEADING]
        elif name == "xf" and "cellXfs" in inside:
            used.append(attributes.get("numFmtId", "0"))

    _walk(archive, _STYLES, start, lambda name: inside.__delitem__(-1))
    return [bool(is_date_format(formats.get(number, "General"))) for number in used]


def _shared(archive: zipfile.ZipFile, most: Most) -> _Texts:
    texts = _Texts()
    gathered = _Gathered()

    def end(name: str) -> None:
        gathered.end(name)
        if name == "si":
            texts.add(gathered.take())

    _walk(archive, _STRINGS, gathered.start, end, gathered.text, most=min(MAX_STRING_TAGS, most.tags))
    return texts


class _Gathered:
    """The text of a cell, of all its runs but not of how they are pronounced."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0
        self._is_text = False
        self._is_phonetic = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Note where text begins."""
        if name in ("t", "v"):
            self._is_text = not self._is_phonetic
        elif name == "rPh":
            self._is_phonetic = True

    def end(self, name: str) -> None:
        """Note where text ends."""
        if name in ("t", "v"):
            self._is_text = False
        elif name == "rPh":
            self._is_phonetic = False

    def text(self, piece: str) -> None:
        """Take a piece; what goes on for too long is dropped."""
        if self._is_text:
            self._size += len(piece)
            if self._size <= limits.MAX_CELL:
                self._parts.append(piece)

    def take(self) -> str:
        """Return what was gathered, and begin anew."""
        text = "".join(self._parts) if self._size <= limits.MAX_CELL else _TOO_LONG
        self._parts, self._size = [], 0
        return text


class _Rows:
    """Turns a sheet's tags into rows of texts."""

    def __init__(self, book: _Book, most: Most) -> None:
        self._most_rows, self._most_tags = most.row_tags, most.tags
        self._row_count = self._tag_count = 0
        self.ready: list[tuple[int, list[str]]] = []
        self._book = book
        self._gathered = _Gathered()
        self.text = self._gathered.text
        self._number = 0
        self._cells: list[str] = []
        self._count = 0
        self._column = 0
        self._kind = self._style = ""
        self._is_data = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Enter a row or a cell."""
        self._tag_count += 1
        if self._tag_count > self._most_tags:
            raise FileRefused("This spreadsheet has too many cells: save it as CSV.", code="unsafe_xml")
        if name == "c":
            self._enter(attributes)
        elif name == "row":
            self._row_count += 1
            if self._row_count > self._most_rows:
                raise FileRefused(
                    "There are too many rows, also empty ones: split the file.", code="too_many_rows"
                )
            given = attributes.get("r")
            self._number = int(given) if given else self._number + 1
            if not 0 < self._number <= MAX_ROW:
                raise ValueError("a row beyond the last one")
            self._cells, self._count, self._column = [], 0, 0
        elif name == "sheetData":
            self._is_data = True
        else:
            self._gathered.start(name, attributes)

    def end(self, name: str) -> None:
        """Leave a cell, or a row, which is then ready."""
        if name == "c":
            self._leave()
        elif name == "row":
            if self._cells and self._is_data:
                self.ready.append((self._number, self._cells))
        elif name == "sheetData":
            self._is_data = False
        else:
            self._gathered.end(name)

    def _enter(self, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > _MAX_CELLS:
            require_few(self._count)
        place = attributes.get("r")
        self._column = _column(place) if place else self._column + 1
        self._kind, self._style = attributes.get("t", "n"), attributes.get("s", "")

    def _leave(self) -> None:
        text = self._gathered.take()
        if not text:
            return
        value = text if text == _TOO_LONG else self._value(text)
        if self._column > limits.MAX_COLUMNS:
            if value.strip():
                require_few(self._column)
            return
        missing = self._column - len(self._cells)
        if missing > 0:
            self._cells += [""] * missing
        self._cells[self._column - 1] = value

    def _value(self, text: str) -> str:
        match self._kind:
            case "s":
                return self._book.texts[int(text)]
            case "n":
                return self._number_text(text)
            case "b":
                return "true" if text == "1" else "false"
        return text

    def _number_text(self, text: str) -> str:
        if self._style and self._is_date():
            return _moment(from_excel(float(text), self._book.epoch))
        if text.isdecimal():
            return text
        number = float(text)
        return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)

    def _is_date(self) -> bool:
        style = int(self._style)
        return style < len(self._book.dates) and self._book.dates[style]


def _rows(archive: zipfile.ZipFile, book: _Book, most: Most) -> Iterator[tuple[int, list[str]]]:
    rows = _Rows(book, most)
    with archive.open(book.sheet) as part:
        for _ in xml.parse(part, start=rows.start, end=rows.end, text=rows.text):
            ready, rows.ready = rows.ready, []
            yield from ready


def _column(place: str) -> int:
    """Return the column of a cell's name, from 1: that of AB12 is 28."""
    column = 0
    for letter in place[:4]:
        if not "A" <= letter <= "Z":
            break
        column = column * 26 + ord(letter) - 64
    if not 0 < column <= _MAX_CELLS:
        raise ValueError("a cell beyond the last column")
    return column


def _moment(value: datetime | time | timedelta | None) -> str:
    if isinstance(value, datetime):
        is_day = value.time() == time()
        return value.date().isoformat() if is_day else value.isoformat(timespec="seconds")
    return str(value) if value is not None else ""


def _walk(
    archive: zipfile.ZipFile,
    name: str,
    start: xml.Start,
    end: xml.End = lambda name: None,
    text: xml.Text = lambda piece: None,
    *,
    most: int = MAX_TAGS,
) -> None:
    count = 0

    def counted(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > most:
            raise FileRefused("This spreadsheet has too many tags.", code="unsafe_xml")
        start(name, attributes)

    with archive.open(name) as part:
        for _ in xml.parse(part, start=counted, end=end, text=text):
            pass
