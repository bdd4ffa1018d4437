"""Files that people, programs and attackers send: made by code, none is stored.

A case says what becomes of it: the code with which the file is refused, or how many rows are good and how
many are rejected.
"""

import io
import json
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

HEAD = "phone,first_name,city\n"
ROW = "+15550001111,Ada,Lahore\n"
PLAIN = HEAD + ROW

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
OFFICE = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
WORKBOOK = f'<workbook {MAIN} {OFFICE}><sheets><sheet name="A" sheetId="1" r:id="rId1"/></sheets></workbook>'
RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Target="worksheets/sheet1.xml"/></Relationships>'
)


@dataclass(frozen=True, slots=True)
class Case:
    """A file, and what becomes of it."""

    name: str
    make: Callable[[], bytes]
    refused: str = ""
    good: int = 0
    rejected: int = 0


def text(name: str, content: str, *outcome: Any, charset: str = "utf-8") -> Case:
    return case(name, lambda: content.encode(charset), *outcome)


def case(name: str, make: Callable[[], bytes], *outcome: Any) -> Case:
    if isinstance(outcome[0], str):
        return Case(name, make, refused=outcome[0])
    return Case(name, make, "", *outcome)


def sheet(*rows: str) -> str:
    return f"<worksheet {MAIN}><sheetData>{''.join(rows)}</sheetData></worksheet>"


def row(*cells: str, number: int | None = None) -> str:
    place = f' r="{number}"' if number is not None else ""
    return f"<row{place}>{''.join(cells)}</row>"


def inline(value: str) -> str:
    return f'<c t="inlineStr"><is><t>{value}</t></is></c>'


def xlsx(
    content: str | bytes, *, more: dict[str, str | bytes] | None = None, level: int = 6, **parts: Any
) -> bytes:
    """Return a workbook whose first sheet is `content`."""
    files: dict[str, str | bytes] = {
        "[Content_Types].xml": "<Types/>",
        "xl/workbook.xml": parts.get("workbook", WORKBOOK),
        "xl/_rels/workbook.xml.rels": parts.get("relations", RELATIONS),
        "xl/worksheets/sheet1.xml": content,
        **(more or {}),
    }
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


HEADINGS = row(inline("phone"), inline("first_name"))
PERSON = row(inline("+15550001111"), inline("Ada"))


def zeros(megabytes: int) -> bytes:
    """Return an archive of a sheet of blanks that is a thousand times smaller than what is in it."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", WORKBOOK)
        archive.writestr("xl/_rels/workbook.xml.rels", RELATIONS)
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=False) as part:
            for _ in range(megabytes):
                part.write(b" " * 2**20)
    return target.getvalue()


def lying(size: int) -> bytes:
    """Return an archive that claims another size for its sheet than it has."""
    raw = bytearray(xlsx(sheet(HEADINGS, PERSON)))
    at = raw.rfind(b"PK\x01\x02", 0, raw.rfind(b"xl/worksheets/sheet1.xml"))
    raw[at + 24 : at + 28] = struct.pack("<L", size)
    return bytes(raw)


def overlapping() -> bytes:
    """Return an archive whose files share their bytes."""
    raw = bytearray(xlsx(sheet(HEADINGS, PERSON)))
    first = raw.find(b"PK\x01\x02")
    second = raw.find(b"PK\x01\x02", first + 4)
    raw[second + 42 : second + 46] = raw[first + 42 : first + 46]
    return bytes(raw)


def flagged(bit: int) -> bytes:
    """Return an archive whose first file has a general purpose flag."""
    raw = bytearray(xlsx(sheet(HEADINGS, PERSON)))
    at = raw.find(b"PK\x01\x02")
    raw[at + 8] |= 1 << bit
    return bytes(raw)


def declared(encoding: str) -> bytes:
    """Return a workbook whose sheet says that it is in this encoding."""
    return xlsx(f'<?xml version="1.0" encoding="{encoding}"?>{sheet(HEADINGS, PERSON)}')


def crowded(count: int) -> bytes:
    """Return a small workbook whose styles are many tags that mean nothing."""
    styles = f"<styleSheet {MAIN}>{'<x/>' * count}</styleSheet>"
    return xlsx(sheet(HEADINGS, PERSON), more={"xl/styles.xml": styles})


def many_entries() -> bytes:
    return xlsx(
        sheet(HEADINGS, PERSON), more={f"xl/media/{number}.txt": "x" for number in range(1200)}, level=0
    )


def many_strings(count: int) -> bytes:
    shared = f"<sst {MAIN}>" + "".join(f"<si><t>text {number}</t></si>" for number in range(count)) + "</sst>"
    body = sheet(HEADINGS, row(inline("+15550001111"), f'<c t="s"><v>{count - 1}</v></c>'))
    return xlsx(body, more={"xl/sharedStrings.xml": shared}, level=1)


DOCTYPE = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>' + sheet(
    HEADINGS, PERSON
)
RICH = f"<sst {MAIN}><si><r><t>A</t></r><r><t>da</t></r><rPh><t>X</t></rPh></si></sst>"
DATES = f'<styleSheet {MAIN}><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>'

_CSV = [
    text("plain", PLAIN, 1),
    text("BOM", PLAIN, 1, charset="utf-8-sig"),
    text("UTF-16 with BOM", PLAIN * 1, 1, charset="utf-16"),
    text("UTF-16 LE without BOM", PLAIN, 1, charset="utf-16-le"),
    text("UTF-16 BE without BOM", PLAIN, 1, charset="utf-16-be"),
    text("UTF-32", PLAIN, 1, charset="utf-32"),
    text("cp1252", HEAD + "+15550001111,Jürgen,Köln\n", 1, charset="cp1252"),
    text(
        "cp1252 far behind",
        PLAIN + "+15550002222,Ann,Rome\n" * 9000 + "+15550003333,Zoë,\n",
        9002,
        charset="cp1252",
    ),
    text(
        "Arabic in cp1256", HEAD + "+15550001111,محمد علي,القاهرة الجديدة في مصر\n" * 5, 5, charset="cp1256"
    ),
    text("right to left", HEAD + "+15550001111,\u202eمحمد\u202c,لاہور\n", 1),
    text("CRLF", PLAIN.replace("\n", "\r\n"), 1),
    text("CR", PLAIN.replace("\n", "\r"), 1),
    text("mixed line ends", HEAD.strip() + "\r\n" + ROW.strip() + "\r" + ROW.replace("1111", "2222"), 2),
    text("no end of line", PLAIN.strip(), 1),
    text("semicolons", PLAIN.replace(",", ";"), 1),
    text("tabs", PLAIN.replace(",", "\t"), 1),
    text("bars", PLAIN.replace(",", "|"), 1),
    text("a line that names the delimiter", "sep=;\r\n" + PLAIN.replace(",", ";"), 1),
    text("commas inside quotes", 'phone;note\n+15550001111;"a,b,c,d"\n', 1),
    text("line breaks inside quotes", 'phone,note\n+15550001111,"a\nb\r\nc"\n', 1),
    text("one column", "phone\n+15550001111\n", 1),
    text("headings only", HEAD, 0),
    text("blank lines", f"\n\n{HEAD}\n\n{ROW}\n,,\n", 1),
    text("short and long rows", HEAD + "+15550001111\n+15550002222,B,C,D\n+15550003333,B,C,\n", 2, 1),
    text("empty headings at the end", "phone,first_name,,\n+15550001111,Ada,,\n", 1),
    text("formulas", HEAD + "+15550001111,=1+1,@SUM(A1)\n=cmd|' /C calc'!A0,x,y\n", 1, 1),
    text("quote in the middle", HEAD + '+15550001111,Ada "the" Great,x\n', 1),
    text("NUL in a cell", HEAD + "+15550001111,A\x00da,x\n", "unsupported_format"),
    text("NUL far behind", PLAIN + "+15550002222,Ann,Rome\n" * 9000 + "+15550003333,A\x00,x\n", 9001, 1),
    text("nothing", "", "empty_file"),
    text("spaces", "  \n \n", "empty_file"),
    text("no such column", "name,city\nAda,Lahore\n", "missing_column"),
    text("same heading twice", "phone,City,city\n1,2,3\n", "duplicate_heading"),
    text("same meaning twice", "phone,mobile\n1,2\n", "duplicate_heading"),
    text("heading missing", "phone,,city\n1,2,3\n", "missing_heading"),
    text("heading of controls", "phone,a\x07b\n1,2\n", "missing_heading"),
    text("endless heading", f"phone,{'x' * 300}\n1,2\n", "heading_too_long"),
    text("heading that names nothing", "phone,!!!\n1,2\n", "unknown_column"),
    text("51 columns", "phone," + ",".join(f"c{number}" for number in range(50)) + "\n", "too_many_columns"),
    text("50 columns", "phone," + ",".join(f"c{number}" for number in range(49)) + "\n1", 0, 1),
    text("a million columns", "," * 1_000_000 + "\n", "empty_file"),
    text("a million named columns", ",".join(["a"] * 1_000_000), "too_many_columns"),
    text("unclosed quote", PLAIN + '"+15550002222,Bob,x\n' + ROW * 3, "unclosed_quote"),
    text("unclosed quote over megabytes", PLAIN + '"' + ROW * 120_000, "unclosed_quote"),
    text("a long line", PLAIN + "x" * 3_000_000 + "\n", "line_too_long"),
    text("a long cell", PLAIN + f"+15550002222,{'x' * 33_000},y\n" + ROW, 2, 1),
    text("a cell that is too long for its column", HEAD + f"+15550001111,{'x' * 101},y\n", 0, 1),
    case("bytes of no encoding", lambda: b"phone,first_name\n+15550001111,\x81\x8d\x8f\n", 1),
    case("random bytes", lambda: bytes(range(1, 256)) * 40, "missing_heading"),
    case("a picture", lambda: b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(100), "unsupported_format"),
    case("gzip", lambda: b"\x1f\x8b\x08\x00" + bytes(50), "unsupported_format"),
    case("PDF", lambda: b"%PDF-1.7\n" + b"x" * 50, "unsupported_format"),
    case("old Excel", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "unsupported_format"),
    text(
        "HTML",
        "<html><body><table><tr><td>phone</td></tr></table></body></html>",
        "unknown_column|missing_column",
    ),
]

_JSON = [
    text("array", json.dumps([{"phone": "+15550001111", "age:number": 3, "x": None, "ok": True}]), 1),
    text("lines", '{"phone": "+15550001111"}\n\n{"phone": 15550002222}\n', 2),
    text("keys that come later", '[{"phone": "+15550001111"}, {"phone": "+15550002222", "city": "Rome"}]', 2),
    text("nested values", '[{"phone": "+15550001111", "x:json": {"a": [1, {"b": null}]}}]', 1),
    text("rows that are no objects", '[{"phone": "+15550001111"}, 7, null, "x", []]', 1, 4),
    text("phone missing", '[{"name": "Ada"}]', 0, 1),
    text("half a surrogate pair", '[{"phone": "+15550001111", "first_name": "\\ud800"}]', 0, 1),
    text("NUL escaped", '[{"phone": "+15550001111", "first_name": "\\u0000"}]', 0, 1),
    text("empty array", "[]", "empty_file"),
    text("array in an array", "[" * 100_000, "malformed_json"),
    text("deep value", '[{"phone": ' + "[" * 50_000 + "]" * 50_000 + "}]", "malformed_json"),
    text("cut off", '[{"phone": "+15550001111"}, {"pho', "malformed_json"),
    text("comma missing", '[{"phone": "+15550001111"} {"phone": "+15550002222"}]', "malformed_json"),
    text("NaN", '[{"phone": NaN}]', "malformed_json"),
    text("huge number", '[{"phone": 1e999}]', "malformed_json"),
    text("digits without end", '[{"phone": ' + "9" * 10_000 + "}]", "malformed_json"),
    text("string without end", '[{"phone": "' + "x" * 3_000_000, "line_too_long"),
    text("line without end", '{"phone": "' + "x" * 3_000_000, "line_too_long"),
    text("51 keys", json.dumps([{f"k{number}": 1 for number in range(51)}]), "too_many_columns"),
    text(
        "a new key in each row", json.dumps([{f"k{number}": 1} for number in range(60)]), "too_many_columns"
    ),
    text("empty key", '[{"": 1}]', "missing_heading"),
    text("UTF-16", '[{"phone": "+15550001111"}]', 1, charset="utf-16"),
]

_XLSX = [
    case("sheet", lambda: xlsx(sheet(HEADINGS, PERSON)), 1),
    case(
        "numbers, truths, dates",
        lambda: xlsx(
            sheet(
                row(inline("phone"), inline("age:number"), inline("ok:boolean"), inline("born:date")),
                row(
                    "<c><v>15550001111</v></c>",
                    "<c><v>36.5</v></c>",
                    '<c t="b"><v>1</v></c>',
                    '<c s="1"><v>45000</v></c>',
                ),
                row("<c><v>1.5550002222E10</v></c>", '<c t="e"><v>#N/A</v></c>'),
            ),
            more={"xl/styles.xml": DATES},
        ),
        1,
        1,
    ),
    case(
        "formula with its last value",
        lambda: xlsx(
            sheet(HEADINGS, row('<c t="str"><f>A1&amp;A2</f><v>+15550001111</v></c>', "<c><f>1/0</f></c>"))
        ),
        1,
    ),
    case(
        "cells with gaps",
        lambda: xlsx(sheet(HEADINGS, row('<c r="A5"><v>15550001111</v></c>', '<c r="C5"/>', number=5))),
        1,
    ),
    case(
        "rich text without its pronunciation",
        lambda: xlsx(
            sheet(HEADINGS, row(inline("+15550001111"), '<c t="s"><v>0</v></c>')),
            more={"xl/sharedStrings.xml": RICH},
        ),
        1,
    ),
    case("empty sheet", lambda: xlsx(sheet()), "empty_file"),
    case("no workbook", lambda: _zip({"a.txt": "x"}), "not_a_spreadsheet"),
    case("ZIP of a CSV", lambda: _zip({"people.csv": PLAIN}), "not_a_spreadsheet"),
    case(
        "ZIP in a ZIP",
        lambda: _zip({"xl/workbook.xml": WORKBOOK, "inner.zip": _zip({"a": "x"})}),
        "unsafe_archive",
    ),
    case(
        "workbook in a workbook", lambda: xlsx(sheet(), more={"xl/embeddings/a.xlsx": b"x"}), "unsafe_archive"
    ),
    case("encrypted", lambda: flagged(0), "unsafe_archive"),
    case("patched", lambda: flagged(5), "unsafe_archive"),
    case("strongly encrypted", lambda: flagged(6), "unsafe_archive"),
    *[
        case(f"XML in {name}", lambda name=name: declared(name), "malformed_spreadsheet")
        for name in ("foo", "zlib", "rot13", "idna", "undefined")
    ],
    case("a crowd of tags", lambda: crowded(600_000), "unsafe_xml"),
    case("overlapping files", overlapping, "unsafe_archive"),
    case("too many files", many_entries, "unsafe_archive"),
    case("megabytes of blanks", lambda: zeros(20), "malformed_spreadsheet"),
    case("40 megabytes in a tag", lambda: xlsx(sheet(f'<row r="{"1" * 40_000_000}"></row>')), "unsafe_xml"),
    case("sheet that is larger than it says", lambda: lying(64), "malformed_spreadsheet"),
    case("sheet that claims gigabytes", lambda: lying(2**31), "unsafe_archive"),
    case("entities", lambda: xlsx(DOCTYPE), "unsafe_xml"),
    case(
        "entities from elsewhere",
        lambda: xlsx(
            '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + sheet(HEADINGS, row(inline("&x;")))
        ),
        "unsafe_xml",
    ),
    case("nested tags", lambda: xlsx("<a>" * 1000), "unsafe_xml"),
    case("a million columns in XLSX", lambda: xlsx(sheet(row("<c/>" * 1_000_000))), "too_many_columns"),
    case("column 51", lambda: xlsx(sheet(row('<c r="AY1"><v>1</v></c>'))), "too_many_columns"),
    case(
        "column beyond the last",
        lambda: xlsx(sheet(row('<c r="ZZZZ1"><v>1</v></c>'))),
        "malformed_spreadsheet",
    ),
    case(
        "row beyond the last",
        lambda: xlsx(sheet(HEADINGS, row(inline("x"), number=2**40))),
        "malformed_spreadsheet",
    ),
    case(
        "shared text that is not there",
        lambda: xlsx(sheet(HEADINGS, row('<c t="s"><v>9</v></c>'))),
        "malformed_spreadsheet",
    ),
    case("a long cell in XLSX", lambda: xlsx(sheet(HEADINGS, row(inline("x" * 40_000)), PERSON)), 1, 1),
    case("cut off in XLSX", lambda: xlsx(sheet(HEADINGS, PERSON)[:-40]), "malformed_spreadsheet"),
    case("cut off archive", lambda: xlsx(sheet(HEADINGS, PERSON))[:-30], "unsupported_format"),
    case("only the first bytes of an archive", lambda: b"PK\x03\x04" + bytes(200), "unsupported_format"),
    case(
        "sheet elsewhere",
        lambda: xlsx(
            sheet(HEADINGS, PERSON),
            relations=RELATIONS.replace("worksheets/sheet1.xml", "../../../etc/passwd"),
        ),
        "malformed_spreadsheet",
    ),
    case(
        "date that can't be",
        lambda: xlsx(
            sheet(
                row(inline("phone"), inline("at")), row(inline("+15550001111"), '<c s="1"><v>9e99</v></c>')
            ),
            more={"xl/styles.xml": DATES},
        ),
        "malformed_spreadsheet",
    ),
]


def _zip(files: dict[str, str | bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


CASES = [*_CSV, *_JSON, *_XLSX]
