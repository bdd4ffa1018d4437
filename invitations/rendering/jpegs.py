"""JPEG files of which only the tiles that change are encoded again.

A scan with restart markers falls into intervals that know nothing of each other. Here an interval is a
tile: some MCUs of one row of them. A card keeps the template's tiles, and gets new ones where something was
drawn, encoded together as a picture one tile wide. Decoded, it is what encoding all of it would have given.
Source: ITU-T T.81, B.1.1.2 and F.1.
"""

import io
import re
import struct
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from invitations.rendering.contract import Box

if TYPE_CHECKING:
    from PIL.Image import Image

MCU = 16
_TILE = 10
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_EOI = b"\xff\xd9"


class Jpeg:
    """A template's file, and what it takes to make a card's of it."""

    media_type = "image/jpeg"

    def __init__(self, image: "Image", size: tuple[int, int], quality: int) -> None:
        self._quality = quality
        across, self._down = image.width // MCU, image.height // MCU
        self._tile = tile_width(across)
        self._across = across // self._tile
        head, tiles = _encode(image, quality, restart_marker_blocks=self._tile)
        self._head = _sized(head, *size)
        self._tiles = [tile + _marker(number) for number, tile in enumerate(tiles[:-1])] + tiles[-1:]

    @property
    def content(self) -> bytes:
        """Return the template's own file."""
        return b"".join((self._head, *self._tiles, _EOI))

    @property
    def weight(self) -> int:
        """Return how much memory it takes."""
        return sum(map(len, self._tiles))

    def spliced(self, image: "Image", boxes: Iterable[Box]) -> bytes:
        """Return the file of a picture that differs from the template's inside these boxes alone."""
        places = list(self._columns(boxes))
        if not places:
            return self.content
        tiles = list(self._tiles)
        last = len(tiles) - 1
        _, fresh = _encode(self._stacked(image, places), self._quality, restart_marker_rows=1)
        numbers = (row * self._across + column for column, rows in places for row in rows)
        for number, tile in zip(numbers, fresh, strict=True):
            tiles[number] = tile if number == last else tile + _marker(number)
        return b"".join((self._head, *tiles, _EOI))

    def _columns(self, boxes: Iterable[Box]) -> Iterator[tuple[int, range]]:
        """Yield columns of tiles, each with the rows of which it is about; no tile twice."""
        touched: dict[int, set[int]] = {}
        width = self._tile * MCU
        for box in boxes:
            rows = range(max(0, box.y // MCU), min(self._down, -(-(box.y + box.height) // MCU)))
            for column in range(max(0, box.x // width), min(self._across, -(-(box.x + box.width) // width))):
                touched.setdefault(column, set()).update(rows)
        for column, numbers in sorted(touched.items()):
            for rows in _runs(sorted(numbers)):
                yield column, rows

    def _stacked(self, image: "Image", places: list[tuple[int, range]]) -> Any:
        """Pile tiles up, so that each row of MCUs is one."""
        from PIL import Image

        width = self._tile * MCU
        stack = Image.new("RGB", (width, MCU * sum(len(rows) for _, rows in places)))
        top = 0
        for column, rows in places:
            left = column * width
            stack.paste(image.crop((left, rows.start * MCU, left + width, rows.stop * MCU)), (0, top))
            top += len(rows) * MCU
        return stack


def padded(width: int, height: int) -> tuple[int, int]:
    """Return a size in whole MCUs."""
    return -(-width // MCU) * MCU, -(-height // MCU) * MCU


def fill_padding(image: "Image", width: int, height: int) -> None:
    """Repeat a picture's last column and row up to whole MCUs, as an encoder does."""
    if image.width > width:
        edge = image.crop((width - 1, 0, width, height))
        image.paste(edge.resize((image.width - width, height)), (width, 0))
    if image.height > height:
        edge = image.crop((0, height - 1, image.width, height))
        image.paste(edge.resize((image.width, image.height - height)), (0, height))


def tile_width(across: int) -> int:
    """Return how many MCUs wide a tile is: about ten, and all of a row are alike."""
    divisors = [number for number in range(1, across + 1) if across % number == 0]
    return min(divisors, key=lambda number: (abs(number - _TILE), number))


def _runs(numbers: list[int]) -> Iterator[range]:
    start = numbers[0] if numbers else 0
    for at, number in enumerate(numbers):
        if at + 1 == len(numbers) or numbers[at + 1] != number + 1:
            yield range(start, number + 1)
            start = numbers[at + 1] if at + 1 < len(numbers) else 0


def _encode(image: "Image", quality: int, **restarts: int) -> tuple[bytes, list[bytes]]:
    """Return a file's beginning, up to its scan, and the intervals of that."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling="4:2:0", **restarts)
    content = buffer.getvalue()
    start = _scan_start(content)
    return content[:start], _RESTART.split(content[start : -len(_EOI)])


def _scan_start(content: bytes) -> int:
    at = 2
    while True:
        marker, length = struct.unpack_from(">HH", content, at)
        at += 2 + length
        if marker == 0xFFDA:
            return at


def _sized(head: bytes, width: int, height: int) -> bytes:
    """Write a picture's own size into its header, instead of that in whole MCUs."""
    at = 2
    while True:
        marker, length = struct.unpack_from(">HH", head, at)
        if marker == 0xFFC0:
            return head[: at + 5] + struct.pack(">HH", height, width) + head[at + 9 :]
        at += 2 + length


def _marker(number: int) -> bytes:
    return bytes((0xFF, 0xD0 + number % 8))
