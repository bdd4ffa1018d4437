"""What is put onto a card: a colour or pixels, through a mask, at a place."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from invitations.rendering.contract import Box
from invitations.rendering.documents import Color

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class Stamp:
    """Pixels, or one colour in the size of its mask. Without a mask the pixels cover what is below."""

    x: int
    y: int
    fill: "Image | tuple[int, int, int]"
    mask: "Image | None" = None

    @property
    def box(self) -> Box:
        """Return what it covers."""
        pixels = self.mask or self.fill
        assert not isinstance(pixels, tuple)
        return Box(self.x, self.y, *pixels.size)

    def draw(self, canvas: "Image") -> None:
        """Put it onto a card."""
        canvas.paste(self.fill, (self.x, self.y), self.mask)

    def clipped(self, box: Box) -> "Stamp | None":
        """Return what of it is inside a box."""
        common = overlap(self.box, box)
        if common is None:
            return None
        if common == self.box:
            return self
        part = (
            common.x - self.x,
            common.y - self.y,
            common.x - self.x + common.width,
            common.y - self.y + common.height,
        )
        fill = self.fill if isinstance(self.fill, tuple) else self.fill.crop(part)
        return Stamp(common.x, common.y, fill, self.mask and self.mask.crop(part))


def colored(x: int, y: int, color: Color, mask: "Image") -> Stamp:
    """Return a stamp of one colour, with its opacity in the mask."""
    return Stamp(x, y, color[:3], faded(mask, color[3]))


def picture(x: int, y: int, image: "Image", mask: "Image | None" = None) -> Stamp:
    """Return a stamp of pixels, of which what is transparent stays so."""
    if image.mode != "RGBA":
        return Stamp(x, y, image, mask)
    from PIL import ImageChops

    alpha = image.getchannel("A")
    return Stamp(x, y, image.convert("RGB"), ImageChops.multiply(alpha, mask) if mask else alpha)


def faded(mask: "Image", opacity: int) -> "Image":
    """Return a mask that lets as much less through."""
    return mask if opacity == 255 else mask.point([value * opacity // 255 for value in range(256)])


def clip(stamps: Iterable[Stamp], box: Box) -> list[Stamp]:
    """Return what of stamps is inside a box."""
    return [part for stamp in stamps if (part := stamp.clipped(box)) is not None]


def overlap(one: Box, other: Box) -> Box | None:
    """Return what two boxes have in common."""
    left, top = max(one.x, other.x), max(one.y, other.y)
    right = min(one.x + one.width, other.x + other.width)
    bottom = min(one.y + one.height, other.y + other.height)
    return Box(left, top, right - left, bottom - top) if left < right and top < bottom else None


def around(boxes: Iterable[Box]) -> Box | None:
    """Return the smallest box that holds all of these."""
    boxes = list(boxes)
    if not boxes:
        return None
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    right = max(box.x + box.width for box in boxes)
    bottom = max(box.y + box.height for box in boxes)
    return Box(left, top, right - left, bottom - top)


def apart(boxes: Iterable[Box]) -> list[Box]:
    """Merge boxes until none overlaps another."""
    merged: list[Box] = []
    for box in boxes:
        while (other := next((each for each in merged if overlap(each, box)), None)) is not None:
            merged.remove(other)
            box = around((box, other)) or box
        merged.append(box)
    return merged
