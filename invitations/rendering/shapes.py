"""Masks with soft edges: circles, rounded rectangles."""

import math
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image


@lru_cache(maxsize=32)
def rounded(width: int, height: int, radius: float) -> "Image":
    """Return the mask of a rectangle with round corners, as round as it can be at most: a circle."""
    from PIL import Image

    radius = max(0.0, min(radius, width / 2, height / 2))
    mask = Image.new("L", (width, height), 255)
    side = min(math.ceil(radius), (width + 1) // 2, (height + 1) // 2)
    if radius <= 0 or side <= 0:
        return mask
    corner = _corner(side, radius)
    right, bottom = corner.transpose(Image.Transpose.FLIP_LEFT_RIGHT), Image.Transpose.FLIP_TOP_BOTTOM
    mask.paste(corner, (0, 0))
    mask.paste(right, (width - side, 0))
    mask.paste(corner.transpose(bottom), (0, height - side))
    mask.paste(right.transpose(bottom), (width - side, height - side))
    return mask


def _corner(side: int, radius: float) -> "Image":
    """Draw the top left quarter, each pixel by how far it is from the arc."""
    import numpy as np
    from PIL import Image

    at = np.arange(side, dtype=np.float32) + 0.5
    across = np.maximum(radius - at, 0)
    distance = np.sqrt(across[:, None] ** 2 + across[None, :] ** 2)
    cover = np.clip(radius - distance + 0.5, 0, 1)
    return Image.fromarray((cover * 255 + 0.5).astype(np.uint8))


@lru_cache(maxsize=32)
def ring(width: int, height: int, radius: float, border: int) -> "Image":
    """Return the mask of a line of that width along the inside of a rounded rectangle's edge."""
    from PIL import Image, ImageChops

    outer = rounded(width, height, radius)
    if 2 * border >= min(width, height):
        return outer
    inner = Image.new("L", (width, height), 0)
    inner.paste(rounded(width - 2 * border, height - 2 * border, radius - border), (border, border))
    return ImageChops.subtract(outer, inner)
