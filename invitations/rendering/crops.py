"""Which part of a photo a card shows."""

from invitations.rendering.contract import Box

# A face's box reaches from the brows to the chin. Sides and what is above, in heights of the face.
_SIDES = {"head": 2.3, "face": 1.5}
_ABOVE = {"head": 0.62, "face": 0.3}


def crop_of(size: tuple[int, int], face: Box | None, kind: str) -> Box:
    """Return a square around the head and shoulders, or the face alone, inside the picture.

    Without a face it is the centre. A `whole` crop is all of the picture.
    """
    width, height = size
    if kind == "whole":
        return Box(0, 0, width, height)
    least = min(width, height)
    if face is None:
        return Box((width - least) // 2, (height - least) // 2, least, least)
    side = max(1, min(least, round(max(face.width, face.height) * _SIDES[kind])))
    x = round(face.x + face.width / 2 - side / 2)
    y = round(face.y - face.height * _ABOVE[kind])
    # All of the face is shown, even where there is no room for what is around it.
    x = max(min(x, face.x), face.x + face.width - side)
    y = max(min(y, face.y), face.y + face.height - side)
    return Box(_within(x, side, width), _within(y, side, height), side, side)


def inside(crop: Box, size: tuple[int, int]) -> Box:
    """Return the part of a crop that is in the picture; all of the picture if nothing is."""
    left, top = max(0, crop.x), max(0, crop.y)
    right, bottom = min(size[0], crop.x + crop.width), min(size[1], crop.y + crop.height)
    if left >= right or top >= bottom:
        return Box(0, 0, *size)
    return Box(left, top, right - left, bottom - top)


def covering(crop: Box, width: int, height: int) -> tuple[float, float, float, float]:
    """Return the largest part of a crop that has the shape of a place: left, top, right, bottom."""
    scale = min(crop.width / width, crop.height / height)
    wide, high = width * scale, height * scale
    left, top = crop.x + (crop.width - wide) / 2, crop.y + (crop.height - high) / 2
    return left, top, left + wide, top + high


def _within(start: int, length: int, most: int) -> int:
    return min(max(0, start), most - length)
