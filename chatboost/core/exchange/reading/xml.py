"""XML of unknown origin, read piece by piece: no entities, no depth, no endless tags."""

from collections.abc import Callable, Iterator
from typing import IO, Final
from xml.parsers import expat

from chatboost.core.exchange import limits
from chatboost.core.exchange.errors import FileRefused

MAX_DEPTH: Final = 32
# A tag, or a piece of text between two, that takes more bytes than this is an attack on memory.
MAX_TOKEN: Final = 256 * 1024

Start = Callable[[str, dict[str, str]], None]
End = Callable[[str], None]
Text = Callable[[str], None]


def parse(stream: IO[bytes], *, start: Start, end: End, text: Text) -> Iterator[None]:
    """Call the handlers; yields after each block of the stream, so that results can be taken away.

    Names come without their prefix. Raises: FileRefused (`unsafe_xml, malformed_spreadsheet`).
    """
    parser = _parser(start, end, text)
    fed = 0
    try:
        while block := stream.read(limits.BLOCK):
            parser.Parse(block, False)
            fed += len(block)
            if fed - max(parser.CurrentByteIndex, 0) > MAX_TOKEN:
                raise FileRefused("A tag in this file has no end.", code="unsafe_xml")
            yield
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise FileRefused(f"This spreadsheet is damaged: {error}.", code="malformed_spreadsheet") from error
    yield


def _parser(start: Start, end: End, text: Text) -> expat.XMLParserType:
    parser = expat.ParserCreate()
    parser.buffer_text = True
    depth = 0

    def opened(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise FileRefused("This spreadsheet is nested too deep.", code="unsafe_xml")
        start(name.rpartition(":")[2] if ":" in name else name, attributes)

    def closed(name: str) -> None:
        nonlocal depth
        depth -= 1
        end(name.rpartition(":")[2] if ":" in name else name)

    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    return parser


def _refuse_doctype(*args: object) -> None:
    raise FileRefused("This spreadsheet declares entities.", code="unsafe_xml")
