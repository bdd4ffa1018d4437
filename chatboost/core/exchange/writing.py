"""Tables as files, in a stream: CSV, XLSX and JSON. No cell is a formula in any of them."""

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.worksheet.worksheet import Worksheet

from chatboost.core.exchange import cells, limits

Rows = Iterable[Sequence[Sequence[Any]]]
"""Rows, some thousand at a time."""

_BOM: Final = "\ufeff"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of a workbook."""

    title: str
    headings: Sequence[str]
    rows: Rows


@dataclass(frozen=True, slots=True)
class Format:
    """One way of writing a table; `max_rows` is what the format, or its speed, allows."""

    name: str
    title: str
    content_type: str
    write: Callable[[Sequence[str], Rows], Iterator[bytes]]
    max_rows: int | None = None


def write_csv(headings: Sequence[str], rows: Rows) -> Iterator[bytes]:
    """Yield CSV in UTF-8, with the mark by which Excel knows it."""
    text = io.StringIO()
    text.write(_BOM)
    writer = csv.writer(text)
    writer.writerow([cells.guarded(heading) for heading in headings])
    for some in rows:
        writer.writerows([[cells.guarded(cells.text_of(value)) for value in row] for row in some])
        yield text.getvalue().encode("utf-8", "replace")
        text.seek(0)
        text.truncate()
    yield text.getvalue().encode("utf-8", "replace")


def write_json(headings: Sequence[str], rows: Rows) -> Iterator[bytes]:
    """Yield an array of objects; values keep their types."""
    yield b"["
    opening = "\n"
    for some in rows:
        lines = [
            json.dumps(dict(zip(headings, row, strict=True)), ensure_ascii=False, default=cells.text_of)
            for row in some
        ]
        if lines:
            yield (opening + ",\n".join(lines)).encode("utf-8", "replace")
            opening = ",\n"
    yield b"\n]\n"


def write_xlsx(headings: Sequence[str], rows: Rows) -> Iterator[bytes]:
    """Yield a workbook of one sheet; its rows wait in a temporary file until it is complete."""
    return write_sheets([Sheet("Export", headings, rows)])


def write_sheets(sheets: Iterable[Sheet]) -> Iterator[bytes]:
    """Yield a workbook; the rows of its sheets wait in temporary files until it is complete."""
    book = Workbook(write_only=True)
    for each in sheets:
        sheet = book.create_sheet(each.title)
        sheet.append([_text_cell(sheet, heading) for heading in each.headings])
        for some in each.rows:
            for row in some:
                sheet.append([_cell(sheet, value) for value in row])
    with tempfile.TemporaryFile() as file:
        book.save(file)
        file.seek(0)
        while block := file.read(limits.BLOCK):
            yield block


def _cell(sheet: Worksheet, value: Any) -> Any:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return _text_cell(sheet, value)
    # Beyond 15 digits a spreadsheet would round.
    if isinstance(value, int | float) and abs(value) < 1e15:
        return value
    text = cells.for_xlsx(value)
    # openpyxl takes these for formulas and errors, all else for a text already.
    return _text_cell(sheet, text) if text[:1] in ("=", "#") else text


def _text_cell(sheet: Worksheet, value: Any) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, cells.for_xlsx(value))
    cell.data_type = "s"
    return cell


XLSX_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

FORMATS: Final = {
    "csv": Format("csv", "CSV", "text/csv; charset=utf-8", write_csv),
    # A fifth of what the format could hold: what is written within the time of one piece of work.
    "xlsx": Format("xlsx", "Excel (XLSX)", XLSX_TYPE, write_xlsx, max_rows=200_000),
    "json": Format("json", "JSON", "application/json", write_json),
}
