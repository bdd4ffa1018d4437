"""PNG files of which only the rows that change are compressed again.

A deflate stream falls into pieces at full flushes, behind which nothing refers to what was before. The rows
that no changing layer touches are compressed once, well; those that one touches for each card, fast. Each
piece is a chunk of its own, so that even the checksums of the others are known. No row is filtered by one
of another piece.
Source: RFC 1951, RFC 2083.
"""

import struct
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from invitations.rendering.contract import Box

if TYPE_CHECKING:
    from PIL.Image import Image

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ADLER = 65521
_SUB, _UP = 1, 2
_STILL, _QUICK = 9, 1


class Piece(NamedTuple):
    """Some rows: their chunk, and what the checksum over all needs of them."""

    chunk: bytes
    adler: int
    length: int


class Png:
    """A template's file, and what it takes to make a card's of it. Boxes that change are known beforehand."""

    media_type = "image/png"

    def __init__(self, image: "Image", boxes: Iterable[Box]) -> None:
        self._size = image.size
        self._bands = _bands(image.height, boxes)
        self._still = [None if changes else _piece(image, rows, _STILL) for rows, changes in self._bands]
        self.content = self.spliced(image)

    @property
    def weight(self) -> int:
        """Return how much memory it takes."""
        return sum(len(piece.chunk) for piece in self._still if piece)

    def spliced(self, image: "Image") -> bytes:
        """Return the file of a picture that differs from the template's inside its boxes alone."""
        pieces = [
            still or _piece(image, rows, _QUICK)
            for still, (rows, _) in zip(self._still, self._bands, strict=True)
        ]
        adler = 1
        for piece in pieces:
            adler = _joined(adler, piece.adler, piece.length)
        head = struct.pack(">IIBBBBB", *self._size, 8, 2, 0, 0, 0)
        return b"".join(
            (
                _SIGNATURE,
                _chunk(b"IHDR", head),
                # The stream's two bytes before, and its empty last block and checksum behind.
                _chunk(b"IDAT", b"\x78\x01"),
                *(piece.chunk for piece in pieces),
                _chunk(b"IDAT", b"\x03\x00" + struct.pack(">I", adler)),
                _chunk(b"IEND", b""),
            )
        )


def _bands(height: int, boxes: Iterable[Box]) -> list[tuple[range, bool]]:
    """Part rows into those that change and those that don't."""
    bands: list[tuple[range, bool]] = []
    at = 0
    for start, stop in _merged(height, boxes):
        if start > at:
            bands.append((range(at, start), False))
        bands.append((range(start, stop), True))
        at = stop
    if at < height:
        bands.append((range(at, height), False))
    return bands


def _merged(height: int, boxes: Iterable[Box]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, stop in sorted((max(0, box.y), min(height, box.y + box.height)) for box in boxes):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        elif start < stop:
            merged.append((start, stop))
    return merged


def _piece(image: "Image", rows: range, level: int) -> Piece:
    import numpy as np

    part = image.crop((0, rows.start, image.width, rows.stop))
    pixels = np.frombuffer(part.tobytes(), np.uint8).reshape(len(rows), image.width * 3)
    filtered = _filtered(pixels)
    # What repeats in differences are runs. Looking for these alone is quicker, and packs them better.
    packer = zlib.compressobj(level, zlib.DEFLATED, -15, 9, zlib.Z_RLE)
    packed = packer.compress(filtered) + packer.flush(zlib.Z_FULL_FLUSH)
    return Piece(_chunk(b"IDAT", packed), zlib.adler32(filtered), filtered.size)


def _filtered(pixels: Any) -> Any:
    """Put each row as its difference to the one above; the first as that to the pixel before."""
    import numpy as np

    filtered = np.empty((pixels.shape[0], pixels.shape[1] + 1), np.uint8)
    filtered[0, 0] = _SUB
    filtered[0, 1:4] = pixels[0, :3]
    np.subtract(pixels[0, 3:], pixels[0, :-3], out=filtered[0, 4:])
    filtered[1:, 0] = _UP
    np.subtract(pixels[1:], pixels[:-1], out=filtered[1:, 1:])
    return filtered


def _joined(one: int, other: int, length: int) -> int:
    """Return the Adler-32 of two stretches of bytes; `length` is the second's."""
    low = ((one & 0xFFFF) + (other & 0xFFFF) - 1) % _ADLER
    high = ((one >> 16) + (other >> 16) + length * ((one & 0xFFFF) - 1)) % _ADLER
    return high << 16 | low


def _chunk(name: bytes, payload: bytes) -> bytes:
    content = name + payload
    return struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
