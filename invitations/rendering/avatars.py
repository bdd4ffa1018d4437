"""What stands where a photo is missing: initials on a colour that goes with the name, always the same."""

import unicodedata
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

from invitations.rendering import fonts, shapes, texts
from invitations.rendering.contract import Box
from invitations.rendering.documents import TextLayer

if TYPE_CHECKING:
    from PIL.Image import Image

_COLORS = (
    (43, 94, 126),
    (122, 72, 112),
    (54, 112, 88),
    (158, 87, 58),
    (84, 88, 140),
    (150, 66, 84),
    (62, 108, 118),
    (124, 102, 48),
)
_PLAIN = (128, 134, 148)


def draw(name: str, width: int, height: int) -> "Image":
    """Draw an avatar for a name; a figure if the name has no letters."""
    from PIL import Image

    letters = initials(name)
    if not letters:
        return _figure(width, height)
    color = _COLORS[zlib.crc32(" ".join(name.split()).casefold().encode()) % len(_COLORS)]
    image = Image.new("RGB", (width, height), color)
    side = min(width, height)
    layer = TextLayer(
        name="initials",
        box=Box(0, 0, width, height),
        text=letters,
        weight=600,
        size=max(4.0, side * 0.4),
        min_size=max(4.0, side * 0.1),
        color=(255, 255, 255, 255),
    )
    drawn = texts.compose(letters, layer, fonts.chain(layer.font, layer.weight, {}))
    # Seen alone, letters are in the middle when their ink is: some stand above their line, some hang below.
    ink = drawn.report.box
    down = (height - ink.height) // 2 - ink.y
    for stamp in drawn.stamps:
        replace(stamp, y=stamp.y + down).draw(image)
    return image


def initials(name: str) -> str:
    """Return the first letters of the first and last name; one alone where letters join or are words."""
    words = [letter for word in name.split() if (letter := _first(word))]
    if not words:
        return ""
    first, last = words[0], words[-1]
    if len(words) == 1 or unicodedata.bidirectional(first[0]) != "L" or ord(first[0]) >= 0x2E80:
        return first
    return first + last


def _first(word: str) -> str:
    for cluster in fonts.clusters(word):
        if cluster[0].isalnum():
            return cluster.upper() if len(cluster.upper()) <= 2 else cluster
    return ""


def _figure(width: int, height: int) -> "Image":
    from PIL import Image

    image = Image.new("RGB", (width, height), _PLAIN)
    side = min(width, height)
    head, body = round(side * 0.36), round(side * 0.72)
    middle = width // 2
    top = (height - side) // 2 + round(side * 0.18)
    color = (236, 238, 242)
    image.paste(color, (middle - head // 2, top), shapes.rounded(head, head, head / 2))
    shoulders = top + head + round(side * 0.06)
    image.paste(color, (middle - body // 2, shoulders), shapes.rounded(body, body, body / 2))
    return image
