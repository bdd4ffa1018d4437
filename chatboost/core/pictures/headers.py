"""What a file says of itself, read before anything of it is decoded, and held against the limits."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from chatboost.core.pictures import containers, sniffing
from chatboost.core.pictures.containers import Broken
from chatboost.core.pictures.contract import Limits, PictureError

_ORIENTATION = 0x0112
_FRAME_MARKERS = frozenset(bytes([code]) for code in range(0xC0, 0xD0) if code not in (0xC4, 0xC8, 0xCC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """`orientation` is EXIF's, 1 where there is none that means something. The last three are a JPEG's."""

    media_type: str
    width: int
    height: int
    frames: int = 1
    orientation: int = 1
    components: int = 0
    profile: bytes = b""
    scans_at: int = 0


def read(content: bytes, limits: Limits) -> Header:
    """Tell what the bytes are, if they may be decoded.

    Raises:
        PictureError: `too_large`, `not_an_image`, `unsupported_format`, `damaged`, `too_many_pixels`,
            `too_many_frames`.
    """
    if len(content) > limits.max_bytes:
        raise PictureError("too_large", "The file has more bytes than are allowed.")
    media_type = sniffing.sniff(content)
    if media_type is None:
        raise PictureError("not_an_image", "The bytes are not those of an image.")
    if media_type not in _READERS:
        raise PictureError("unsupported_format", f"Images of the type {media_type} are not read.")
    try:
        header = _READERS[media_type](content, limits)
    except (Broken, struct.error, IndexError) as error:
        raise PictureError("damaged", "The file ends too early or its header makes no sense.") from error
    check(header.width, header.height, header.frames, limits)
    return header


def check(width: int, height: int, frames: int, limits: Limits) -> None:
    """Hold sizes against the limits.

    Raises:
        PictureError: `damaged` without pixels or frames, `too_many_pixels`, `too_many_frames`.
    """
    if width < 1 or height < 1 or frames < 1:
        raise PictureError("damaged", "The file holds no picture.")
    if width * height > limits.max_pixels:
        raise PictureError("too_many_pixels", f"The picture is {width} by {height} pixels.")
    if frames > limits.max_frames:
        raise PictureError("too_many_frames", f"The animation has more than {limits.max_frames} frames.")


def _jpeg(content: bytes, limits: Limits) -> Header:
    orientation, profile = 1, b""
    size: dict[str, int] = {}
    scans_at = 0
    for part in containers.head(content):
        payload = content[part.payload]
        if part.name == b"\xe1" and payload.startswith(b"Exif\0\0"):
            orientation = _turned(payload[6:])
        elif part.name == b"\xe2" and payload.startswith(b"ICC_PROFILE\0"):
            # Behind two bytes that count its pieces.
            profile += payload[14:]
        elif part.name in _FRAME_MARKERS:
            precision, height, width, components = struct.unpack_from(">BHHB", payload)
            if precision != 8:
                raise PictureError("unsupported_format", f"JPEGs of {precision} bits are not read.")
            size = {"width": width, "height": height, "components": components}
        elif part.name == containers.SOS:
            scans_at = part.whole.start
    if not (size and scans_at):
        raise Broken
    return Header(
        media_type=sniffing.JPEG, orientation=orientation, profile=profile, scans_at=scans_at, **size
    )


def _png(content: bytes, limits: Limits) -> Header:
    width, height = struct.unpack_from(">II", content, 16)
    # Before the walk: a file of many chunks is not read if it is too large anyway.
    check(width, height, 1, limits)
    frames, orientation = 1, 1
    for part in containers.png_chunks(content):
        if part.name == b"acTL":
            frames = int.from_bytes(content[part.payload][:4])
        elif part.name == b"eXIf":
            orientation = _turned(content[part.payload])
    return Header(
        media_type=sniffing.PNG,
        width=width,
        height=height,
        frames=frames,
        orientation=orientation,
    )


def _webp(content: bytes, limits: Limits) -> Header:
    size, frames, orientation = (0, 0), 0, 1
    for part in containers.riff_chunks(content):
        payload = content[part.payload]
        if part.name == b"VP8X":
            size = (1 + int.from_bytes(payload[4:7], "little"), 1 + int.from_bytes(payload[7:10], "little"))
        elif part.name == b"VP8 ":
            width, height = struct.unpack_from("<HH", payload, 6)
            size, frames = (size if size[0] else (width & 0x3FFF, height & 0x3FFF)), 1
        elif part.name == b"VP8L":
            bits = struct.unpack_from("<I", payload, 1)[0]
            size, frames = (size if size[0] else ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)), 1
        elif part.name == b"EXIF":
            orientation = _turned(payload.removeprefix(b"Exif\0\0"))
        frames += part.name == b"ANMF"
    return Header(
        media_type=sniffing.WEBP,
        width=size[0],
        height=size[1],
        frames=frames,
        orientation=orientation,
    )


def _gif(content: bytes, limits: Limits) -> Header:
    width, height = struct.unpack_from("<HH", content, 6)
    check(width, height, 1, limits)
    frames = 0
    for part in containers.gif_blocks(content):
        if part.name == containers.IMAGE:
            frames += 1
            left, top, wide, high = struct.unpack_from("<4H", content, part.payload.start + 1)
            # Decoders grow the canvas for a frame that leaves it.
            check(max(width, left + wide), max(height, top + high), frames, limits)
    return Header(media_type=sniffing.GIF, width=width, height=height, frames=frames)


def _bmp(content: bytes, limits: Limits) -> Header:
    size = struct.unpack_from("<I", content, 14)[0]
    width, height = struct.unpack_from("<HH" if size == 12 else "<ii", content, 18)
    return Header(media_type=sniffing.BMP, width=width, height=abs(height))


_READERS: dict[str, Callable[[bytes, Limits], Header]] = {
    sniffing.JPEG: _jpeg,
    sniffing.PNG: _png,
    sniffing.WEBP: _webp,
    sniffing.GIF: _gif,
    sniffing.BMP: _bmp,
}


def _turned(exif: bytes) -> int:
    """Read the orientation from EXIF's first directory; nonsense means 1."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        return next((value for value in _orientations(exif, order) if 1 <= value <= 8), 1)
    except struct.error:
        return 1


def _orientations(exif: bytes, order: str) -> Iterator[int]:
    at = struct.unpack_from(f"{order}I", exif, 4)[0]
    for number in range(struct.unpack_from(f"{order}H", exif, at)[0]):
        entry = at + 2 + 12 * number
        tag, kind = struct.unpack_from(f"{order}HH", exif, entry)
        if tag == _ORIENTATION and kind == 3:
            yield struct.unpack_from(f"{order}H", exif, entry + 8)[0]
