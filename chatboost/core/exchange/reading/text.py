"""Which characters the bytes of a text are, and which of them part its cells."""

import codecs
import csv
import io
from typing import IO, Final

import charset_normalizer

from chatboost.core.exchange.errors import FileRefused

SAMPLE: Final = 64 * 1024
DELIMITERS: Final = (",", ";", "\t", "|")
# Excel writes this in front of the table where its list separator is no comma.
_SEPARATOR_LINE: Final = "sep="
_SAMPLE_RECORDS: Final = 20

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Too few foreign letters say little about which alphabet they are from; Excel of the West writes this one.
_WESTERN: Final = "cp1252"
_ENOUGH_LETTERS: Final = 24
# Share of NULs in every second byte of Latin text in UTF-16.
_UTF16_SHARE: Final = 0.6


def charset_of(stream: IO[bytes], *, given: str = "") -> str:
    """Return the name of a text's encoding; the stream is read through once, and rewound.

    Raises: FileRefused (`unknown_charset, unsupported_format`).
    """
    if given:
        return _known(given)
    head = stream.read(SAMPLE)
    stream.seek(0)
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    if b"\x00" in head:
        return _wide(head)
    foreign = _first_not_utf8(stream)
    stream.seek(0)
    return _guess(foreign) if foreign else "utf-8"


def decoded(head: bytes, charset: str) -> str:
    """Return how a text begins; what is no letter in its encoding is left out. Raises: FileRefused."""
    try:
        return head.decode(charset, "ignore")
    except UnicodeError as error:
        raise wrong_charset(charset) from error


def wrong_charset(charset: str) -> FileRefused:
    """Return the refusal of a text that is in another encoding than it is read in."""
    return FileRefused(
        f"This is not {charset}: name the encoding of the file, or save it as UTF-8.", code="wrong_charset"
    )


def delimiter_of(text: str, *, given: str = "") -> str:
    """Return what parts the cells of a CSV that begins with this text.

    Raises: FileRefused (`unknown_delimiter`).
    """
    if given:
        found = "\t" if given in ("tab", "\\t") else given
        if found not in DELIMITERS:
            raise FileRefused(
                "A delimiter is a comma, a semicolon, a tab or a vertical bar.", code="unknown_delimiter"
            )
        return found
    if text[:4].casefold() == _SEPARATOR_LINE and text[4:5] in DELIMITERS:
        return text[4]
    return max(DELIMITERS, key=lambda delimiter: _fit(text, delimiter))


def has_separator_line(text: str) -> bool:
    """Tell whether the first line only says what the delimiter is."""
    return text[:4].casefold() == _SEPARATOR_LINE and text[5:6] in ("", "\r", "\n")


def _known(name: str) -> str:
    try:
        codec = codecs.lookup(name)
    except (LookupError, ValueError) as error:
        raise FileRefused(f"There is no encoding “{name[:40]}”.", code="unknown_charset") from error
    # Python also calls ROT13 and ZIP an encoding.
    if not codec._is_text_encoding:
        raise FileRefused(f"“{name[:40]}” is no encoding of text.", code="unknown_charset")
    return "utf-8-sig" if codec.name == "utf-8" else codec.name


def _wide(head: bytes) -> str:
    pairs = max(len(head) // 2, 1)
    if head[1::2].count(0) / pairs >= _UTF16_SHARE and not head[0::2].count(0):
        return "utf-16-le"
    if head[0::2].count(0) / pairs >= _UTF16_SHARE and not head[1::2].count(0):
        return "utf-16-be"
    raise FileRefused("This is no text: it holds NUL bytes.", code="unsupported_format")


def _first_not_utf8(stream: IO[bytes]) -> bytes:
    """Return the stretch of bytes with the first that UTF-8 does not know; none when all of it is UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    before = b""
    while block := stream.read(SAMPLE):
        try:
            decoder.decode(block)
        except UnicodeDecodeError:
            return before + block + stream.read(SAMPLE)
        before = block
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return before or b"\xff"
    return b""


def _guess(stretch: bytes) -> str:
    if sum(byte >= 0x80 for byte in stretch) < _ENOUGH_LETTERS:
        return _WESTERN if _decodes(stretch, _WESTERN) else "latin-1"
    found = charset_normalizer.from_bytes(stretch).best()
    return found.encoding if found is not None else "latin-1"


def _decodes(stretch: bytes, name: str) -> bool:
    try:
        stretch.decode(name)
    except UnicodeDecodeError:
        return False
    return True


def _fit(text: str, delimiter: str) -> tuple[int, int]:
    """Say how well a delimiter explains the first rows: how many agree with the heading, and its width."""
    records = []
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            records.append(record)
            if len(records) > _SAMPLE_RECORDS:
                break
    except csv.Error:
        pass
    # The sample may end in the middle of a row.
    whole = records[:-1] if len(records) > 1 else records
    width = len(whole[0]) if whole else 0
    if width < 2:
        return (0, width)
    return (sum(len(record) == width for record in whole), width)
