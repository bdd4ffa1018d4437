"""Take the metadata out of a file and leave its pixels as they are.

What goes: EXIF, XMP, IPTC, comments, texts, thumbnails, times, unknown parts, what follows the picture's end.
What stays is what a decoder needs to show the same pixels. A file never grows by it.
"""

import struct
from collections.abc import Callable

from chatboost.core.pictures import containers, sniffing
from chatboost.core.pictures.containers import Broken
from chatboost.core.pictures.headers import Header

_JFIF = b"JFIF\0"
_PNG_KEPT = frozenset(
    (
        b"IHDR",
        b"PLTE",
        b"IDAT",
        b"IEND",
        b"tRNS",
        b"gAMA",
        b"cHRM",
        b"sRGB",
        b"cICP",
        b"sBIT",
        b"bKGD",
        b"acTL",
        b"fcTL",
        b"fdAT",
    )
)
_WEBP_KEPT = frozenset((b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"))
_GIF_KEPT = frozenset(
    (containers.HEADER, containers.GRAPHIC_CONTROL, containers.IMAGE, containers.DATA, containers.TRAILER)
)
_LOOPS = (b"\x0bNETSCAPE2.0", b"\x0bANIMEXTS1.0")


def strip(content: bytes, header: Header, *, keeps_display: bool = False) -> bytes:
    """Return the file without metadata; with `keeps_display` the profile and the turn alone stay.

    A file that can't be walked to its end is returned as it is.
    """
    try:
        return _STRIPPERS[header.media_type](content, header, keeps_display)
    except Broken:
        return content


def least(content: bytes, header: Header) -> int:
    """Return how many bytes `strip` leaves at least; 0 if only a walk through the whole file can tell."""
    if header.media_type != sniffing.JPEG or not content.endswith(b"\xff" + containers.EOI):
        return 0
    return len(content) - header.scans_at


def _jpeg(content: bytes, header: Header, keeps_display: bool) -> bytes:
    pieces = [content[:2]]
    if keeps_display and header.orientation != 1:
        exif = b"Exif\0\0" + _exif(header.orientation)
        pieces.append(b"\xff\xe1" + struct.pack(">H", 2 + len(exif)) + exif)
    for part in containers.segments(content):
        payload = content[part.payload]
        if part.name == b"\xe0" and payload.startswith(_JFIF) and len(payload) >= 14:
            # Its last two bytes are the size of a thumbnail.
            pieces.append(b"\xff\xe0\x00\x10" + payload[:12] + b"\0\0")
        elif _is_kept_segment(part.name, payload, keeps_display):
            pieces.append(content[part.whole])
    return b"".join(pieces)


def _is_kept_segment(name: bytes, payload: bytes, keeps_display: bool) -> bool:
    if name == b"\xee":
        return payload.startswith(b"Adobe")  # says how colours are stored
    if name == b"\xe2":
        return keeps_display and payload.startswith(b"ICC_PROFILE\0")
    return not (b"\xe0" <= name <= b"\xef" or name == b"\xfe")


def _png(content: bytes, header: Header, keeps_display: bool) -> bytes:
    pieces = [content[:8]]
    for part in containers.png_chunks(content):
        if part.name in _PNG_KEPT or (keeps_display and part.name in (b"iCCP", b"eXIf")):
            pieces.append(content[part.whole] if part.name != b"eXIf" else _png_exif(header))
    return b"".join(pieces)


def _png_exif(header: Header) -> bytes:
    import zlib

    body = b"eXIf" + _exif(header.orientation)
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def _webp(content: bytes, header: Header, keeps_display: bool) -> bytes:
    kept = _WEBP_KEPT | ({b"ICCP", b"EXIF"} if keeps_display else set())
    body = bytearray()
    for part in containers.riff_chunks(content):
        piece = content[part.whole]
        if part.name not in kept:
            continue
        if part.name == b"VP8X":
            # Its flags say which of profile (0x20), EXIF (0x08) and XMP (0x04) follow.
            piece = piece[:8] + bytes([piece[8] & (0xFB if keeps_display else 0xD3)]) + piece[9:]
        elif part.name == b"EXIF":
            exif = _exif(header.orientation)
            piece = struct.pack("<4sI", b"EXIF", len(exif)) + exif
        body += piece + b"\0" * (len(piece) & 1)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + bytes(body)


def _gif(content: bytes, header: Header, keeps_display: bool) -> bytes:
    pieces = []
    for part in containers.gif_blocks(content):
        is_loop = part.name == containers.APPLICATION and content[part.payload].startswith(_LOOPS)
        if is_loop or part.name in _GIF_KEPT:
            pieces.append(content[part.whole])
    return b"".join(pieces)


def _bmp(content: bytes, header: Header, keeps_display: bool) -> bytes:
    return content


_STRIPPERS: dict[str, Callable[[bytes, Header, bool], bytes]] = {
    sniffing.JPEG: _jpeg,
    sniffing.PNG: _png,
    sniffing.WEBP: _webp,
    sniffing.GIF: _gif,
    sniffing.BMP: _bmp,
}


def _exif(orientation: int) -> bytes:
    """Write a directory that holds the orientation alone."""
    return b"MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
