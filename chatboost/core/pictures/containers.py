"""How the formats are built: walk their segments, chunks and blocks without decoding anything.

Source: ITU-T T.81 annex B (JPEG), W3C PNG (Third Edition), RFC 9649 (WebP), GIF89a specification.
"""

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple


class Broken(Exception):
    """The file ends too early, or is not built as its format says."""


class Part(NamedTuple):
    """A segment, chunk or block: its name, where its payload is, and where all of it is."""

    name: bytes
    payload: slice
    whole: slice


# JPEG markers, by their second byte.
SOI, EOI, SOS = b"\xd8", b"\xd9", b"\xda"
_BARE = frozenset(bytes([code]) for code in (0x01, *range(0xD0, 0xD9)))
_SCAN_END = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


def head(content: bytes) -> Iterator[Part]:
    """Walk a JPEG up to and with its first SOS, without that scan's data.

    Raises:
        Broken: the file ends before, or within a segment.
    """
    at = 2
    while True:
        part = _segment(content, at)
        if part is None or part.name == EOI:
            raise Broken
        yield part
        if part.name == SOS:
            return
        at = part.whole.stop


def segments(content: bytes) -> Iterator[Part]:
    """Walk a JPEG up to and with its EOI, if it has one. A scan's data belongs to its SOS.

    Raises:
        Broken: the file ends within a segment.
    """
    at = 2
    while (part := _segment(content, at)) is not None:
        at = part.whole.stop
        if part.name == SOS:
            found = _SCAN_END.search(content, at)
            at = found.start() if found else len(content)
            part = part._replace(whole=slice(part.whole.start, at))
        yield part
        if part.name == EOI:
            return


def _segment(content: bytes, at: int) -> Part | None:
    """Return the next segment; None if there is none. What has no length, and what is between, is skipped."""
    while (start := content.find(b"\xff", at)) >= 0:
        at = start + 1
        while content[at : at + 1] == b"\xff":
            at += 1
        name = content[at : at + 1]
        at += 1
        if name == EOI:
            return Part(name, slice(at, at), slice(start, at))
        if name in _BARE or name == b"\x00":
            continue
        size = content[at : at + 2]
        if len(size) < 2 or (end := at + int.from_bytes(size)) > len(content) or end < at + 2:
            raise Broken
        return Part(name, slice(at + 2, end), slice(start, end))
    return None


def png_chunks(content: bytes) -> Iterator[Part]:
    """Walk a PNG up to and with its IEND.

    Raises:
        Broken: the file ends before.
    """
    at = 8
    while at + 12 <= len(content):
        size, name = struct.unpack_from(">I4s", content, at)
        end = at + 12 + size
        if end > len(content):
            break
        yield Part(name, slice(at + 8, end - 4), slice(at, end))
        if name == b"IEND":
            return
        at = end
    raise Broken


def riff_chunks(content: bytes, at: int = 12) -> Iterator[Part]:
    """Walk a WebP's chunks as far as its RIFF header says.

    Raises:
        Broken: the file ends before.
    """
    stop = 8 + int.from_bytes(content[4:8], "little")
    if stop > len(content) + 1:
        raise Broken
    while at + 8 <= stop:
        name, size = struct.unpack_from("<4sI", content, at)
        end = at + 8 + size
        if end > len(content):
            raise Broken
        # Chunks have an even length; the last one's padding is missing from some files.
        yield Part(name, slice(at + 8, end), slice(at, min(end + (size & 1), len(content))))
        at = end + (size & 1)


def with_alpha(webp: bytes) -> bytes:
    """Return an animated WebP whose header says that it may be transparent.

    libwebp looks at the frames alone: if they are solid, but smaller than the canvas, it says that it is not.
    """
    return webp[:20] + bytes([webp[20] | 0x10]) + webp[21:] if webp[12:16] == b"VP8X" else webp


# Kinds of GIF blocks.
HEADER, IMAGE, DATA, TRAILER = b"GIF", b",", b"", b";"
GRAPHIC_CONTROL, APPLICATION = b"!\xf9", b"!\xff"


def gif_blocks(content: bytes) -> Iterator[Part]:
    """Walk a GIF: its header with the global palette, its blocks, its trailer.

    An image's data is a part of its own: what describes it comes first, also if the file ends within it.

    Raises:
        Broken: the file ends before its trailer.
    """
    try:
        at = 13 + _palette(content[10])
        yield Part(HEADER, slice(0, at), slice(0, at))
        while content[at : at + 1] != TRAILER:
            start, name = at, content[at : at + 1]
            if name == IMAGE:
                at += 10 + _palette(content[at + 9]) + 1
                yield Part(name, slice(start, at), slice(start, at))
                name = DATA
            elif name == b"!":
                name, at = content[at : at + 2], at + 2
            else:
                raise Broken
            payload = at
            at = _blocks_end(content, at)
            yield Part(name, slice(payload, at), slice(payload if name == DATA else start, at))
    except IndexError as error:
        raise Broken from error
    yield Part(TRAILER, slice(at, at), slice(at, at + 1))


def _blocks_end(content: bytes, at: int) -> int:
    while (size := content[at]) > 0:
        at += 1 + size
    return at + 1


def _palette(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
