"""Find faces: a Haar cascade proposes, others confirm.

A cascade alone sees faces in dogs, clouds and gravel. A hit is looked at again, brought to one width and its
surroundings with it, by three cascades, as it is and in its mirror image: six votes, and six more at another
width where they don't agree. Of the faces that this was tried with all but one have the six, and nothing else
has. The one, in the shade and turned aside, has one of twelve, but eyes and the colours of skin.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any, Final

from invitations.rendering.contract import Box, FaceOptions

Hit = tuple[int, int, int, int]

_PROPOSES: Final = "frontalface_alt2"
_CONFIRM: Final = ("frontalface_default", "frontalface_alt", "frontalface_alt2")
_EYES: Final = "eye"
_SMALLEST: Final = 24
# In a portrait a face is at least this part of the longer side.
_PORTRAIT: Final = 5
# A hit is looked at again at these widths, in these steps, with this much around it.
_NEAR: Final = (100, 1.2)
_FAR: Final = (72, 1.1)
_AROUND: Final = 0.35
_NEIGHBORS: Final = 3
_ALL: Final = 6
# Two hits that cover each other by so much are one face.
_SAME: Final = 0.3
_ENOUGH: Final = 11
_ENOUGH_WITH_EYES: Final = 1
_SKIN_SHARE: Final = 0.8
# Whoever is turned is so in a portrait: the face is large.
_TURNED_SHARE: Final = 0.2
_TURNED_NEIGHBORS: Final = 3


def find(pixels: Any, options: FaceOptions) -> tuple[list[Box], int]:
    """Return a picture's faces, the largest first, and by how many degrees, clockwise, it has to be turned.

    Other directions are tried only if there is no face as the picture is, and then a face must be beyond
    doubt. Boxes are in the pixels of the turned picture. Beside a large face none of less than half its
    width is looked for.
    """
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    colours, scale = _reduced(pixels, options.side)
    grey = cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY)
    found = _upright(grey, colours, options)
    if found:
        return _sorted(found, scale), 0
    sterner = replace(options, min_neighbors=min(50, options.min_neighbors + _TURNED_NEIGHBORS))
    least = math.ceil(_TURNED_SHARE * min(grey.shape))
    for turn in (90, 270, 180):
        turned = np.ascontiguousarray(np.rot90(grey, -turn // 90))
        found = [box for box in _proposed(turned, sterner, least) if _is_beyond_doubt(turned, box)]
        if found:
            return _sorted(found, scale), turn
    return [], 0


def shrunk(pixels: Any, scale: float) -> Any:
    """Return a picture in a smaller size."""
    import cv2

    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    # By less than half, neighbours are all that counts, and taking only those is five times as fast.
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR)


def choose(faces: list[Box], size: tuple[int, int]) -> Box | None:
    """Return the face that a picture is about: the largest, where the centre counts for more."""

    def weight(face: Box) -> float:
        x = abs(face.x + face.width / 2 - size[0] / 2) / (size[0] / 2)
        y = abs(face.y + face.height / 2 - size[1] / 2) / (size[1] / 2)
        return face.width * face.height * (1 - 0.5 * min(1.0, max(x, y)))

    return max(faces, key=weight, default=None)


def warm_up() -> None:
    """Load OpenCV and the cascades, so that the first picture doesn't pay."""
    import cv2

    cv2.setNumThreads(1)
    for name in (*_CONFIRM, _EYES):
        _cascade(name)


def _reduced(pixels: Any, side: int) -> tuple[Any, float]:
    """Return colours in the size that is searched. What is transparent is white: its colour is nobody's."""
    import numpy as np

    scale = min(1.0, side / max(pixels.shape[:2]))
    small = shrunk(pixels, scale) if scale < 1 else pixels
    if small.shape[2] == 4:
        opacity = small[:, :, 3:].astype(np.uint16)
        small = ((small[:, :, :3] * opacity + 255 * (255 - opacity)) // 255).astype(np.uint8)
    return np.ascontiguousarray(small), scale


def _upright(grey: Any, colours: Any, options: FaceOptions) -> list[Hit]:
    """Look for large faces first: most photos are portraits, and small faces are most of the work."""
    large = max(grey.shape) // _PORTRAIT
    found = [hit for hit in _proposed(grey, options, large) if _is_face(grey, colours, hit)]
    least = max(hit[2] for hit in found) // 2 if found else 0
    for hit in _proposed(grey, options, least, large):
        is_new = all(_overlap(hit, other) < _SAME for other in found)
        if is_new and _is_face(grey, colours, hit):
            found.append(hit)
    return found


def _proposed(grey: Any, options: FaceOptions, least: int, most: int = 0) -> Iterator[Hit]:
    """Yield hits of at least, and at most, a width."""
    least = max(least, _SMALLEST)
    if min(grey.shape) < least or (most and most <= least):
        return
    hits = _cascade(_PROPOSES).detectMultiScale(
        grey,
        options.scale_factor,
        options.min_neighbors,
        minSize=(least, least),
        maxSize=(most, most),
    )
    for x, y, width, height in hits:
        yield int(x), int(y), int(width), int(height)


def _is_face(grey: Any, colours: Any, box: Hit) -> bool:
    votes = sum(_votes(grey, box, _NEAR))
    if votes == _ALL:
        return True
    votes += sum(_votes(grey, box, _FAR))
    if votes >= _ENOUGH:
        return True
    return votes >= _ENOUGH_WITH_EYES and _eyes(grey, box) >= 2 and _skin(colours, box) >= _SKIN_SHARE


def _is_beyond_doubt(grey: Any, box: Hit) -> bool:
    return _eyes(grey, box) >= 1 and all(_votes(grey, box, _NEAR)) and all(_votes(grey, box, _FAR))


def _votes(grey: Any, box: Hit, look: tuple[int, float]) -> Iterator[bool]:
    """Yield what each cascade says of a hit that is brought to a width, and of its mirror image."""
    import cv2
    import numpy as np

    (x, y, width, height), (wide, step) = box, look
    margin = int(width * _AROUND)
    left, top = max(0, x - margin), max(0, y - margin)
    scale = wide / width
    part = grey[top : y + height + margin, left : x + width + margin]
    part = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    place = ((x - left) * scale, (y - top) * scale, width * scale, height * scale)
    mirrored = (part.shape[1] - place[0] - place[2], *place[1:])
    least, most = (int(wide * 0.7),) * 2, (int(wide * 1.4),) * 2
    for view, where in ((part, place), (np.ascontiguousarray(part[:, ::-1]), mirrored)):
        for name in _CONFIRM:
            hits = _cascade(name).detectMultiScale(view, step, _NEIGHBORS, minSize=least, maxSize=most)
            yield any(_overlap(hit, where) > 0.4 for hit in hits)


def _eyes(grey: Any, box: Hit) -> int:
    """Count eyes in the upper half of a hit."""
    import cv2

    x, y, width, height = box
    part = cv2.resize(grey[y : y + height, x : x + width], (120, 120))
    return sum(hit[1] < 60 for hit in _cascade(_EYES).detectMultiScale(part, 1.1, 3))


def _skin(colours: Any, box: Hit) -> float:
    """Return the share of a hit's middle that has a colour as skin has it, light or dark."""
    import cv2

    x, y, width, height = box
    part = colours[y + height // 4 : y + 3 * height // 4, x + width // 4 : x + 3 * width // 4]
    tones = cv2.cvtColor(part, cv2.COLOR_RGB2YCrCb)
    red, blue = tones[:, :, 1], tones[:, :, 2]
    return float(((red > 133) & (red < 180) & (blue > 77) & (blue < 135)).mean())


def _overlap(one: Any, other: Any) -> float:
    """Return the share of two boxes, taken together, that both cover."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    common = max(0, width) * max(0, height)
    return float(common / (one[2] * one[3] + other[2] * other[3] - common))


def _sorted(found: list[Hit], scale: float) -> list[Box]:
    boxes = [Box(*(int(value / scale) for value in box)) for box in found]
    return sorted(boxes, key=lambda box: (-box.width * box.height, box.x, box.y))


@cache
def _cascade(name: str) -> Any:
    import cv2
    from cv2.data import haarcascades

    return cv2.CascadeClassifier(f"{haarcascades}haarcascade_{name}.xml")
