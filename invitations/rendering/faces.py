"""Find faces: a Haar cascade proposes, others confirm.

A cascade alone sees faces in dogs, clouds and gravel. A hit is looked at again from near, twice as it is
and twice in its mirror image, by three cascades each time: twelve votes. Of the faces that this was tried
with all but one have the twelve, and what is none has nine at most. The one (in the shade, turned aside)
has three, but eyes and the colours of skin.
"""

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from invitations.rendering.contract import Box, FaceOptions

if TYPE_CHECKING:
    from PIL.Image import Image

_PROPOSES: Final = "frontalface_alt2"
_CONFIRM: Final = ("frontalface_default", "frontalface_alt", "frontalface_alt2")
_EYES: Final = "eye"
_SMALLEST: Final = 24
# A hit is looked at again at these widths, with this much around it.
_WIDTHS: Final = (72, 100)
_AROUND: Final = 0.35
_NEIGHBORS: Final = 3
_ENOUGH: Final = 11
_ENOUGH_WITH_EYES: Final = 3
_SKIN_SHARE: Final = 0.6
# Whoever is turned is so in a portrait: the face is large.
_TURNED_SHARE: Final = 0.2
_TURNED_NEIGHBORS: Final = 3


def find(image: "Image", options: FaceOptions) -> tuple[list[Box], int]:
    """Return a picture's faces, the largest first, and by how many degrees, clockwise, it has to be turned.

    Other directions are tried only if there is no face as the picture is, and then a face must be beyond
    doubt. Boxes are in the pixels of the turned picture.
    """
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    colours, scale = _reduced(image, options.side)
    grey = cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY)
    found = [box for box in _proposed(grey, options) if _is_face(grey, colours, box)]
    if found:
        return _sorted(found, scale), 0
    sterner = FaceOptions(
        options.scale_factor, min(50, options.min_neighbors + _TURNED_NEIGHBORS), options.side
    )
    for turn in (90, 270, 180):
        turned = np.ascontiguousarray(np.rot90(grey, -turn // 90))
        least = _TURNED_SHARE * min(turned.shape)
        found = [
            box for box in _proposed(turned, sterner) if box[2] >= least and _is_beyond_doubt(turned, box)
        ]
        if found:
            return _sorted(found, scale), turn
    return [], 0


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


def _reduced(image: "Image", side: int) -> tuple[Any, float]:
    import numpy as np
    from PIL import Image

    width, height = image.size
    scale = min(1.0, side / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if image.mode == "RGBA":
        # What is transparent has a colour too, which nobody sees.
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    small = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2) if scale < 1 else image
    return np.asarray(small.convert("RGB")), scale


def _proposed(grey: Any, options: FaceOptions) -> Iterator[tuple[int, int, int, int]]:
    if min(grey.shape) < _SMALLEST:
        return
    hits = _cascade(_PROPOSES).detectMultiScale(
        grey, options.scale_factor, options.min_neighbors, minSize=(_SMALLEST, _SMALLEST)
    )
    for x, y, width, height in hits:
        yield int(x), int(y), int(width), int(height)


def _is_face(grey: Any, colours: Any, box: tuple[int, int, int, int]) -> bool:
    votes = sum(_votes(grey, box))
    if votes >= _ENOUGH:
        return True
    return votes >= _ENOUGH_WITH_EYES and _eyes(grey, box) >= 2 and _skin(colours, box) >= _SKIN_SHARE


def _is_beyond_doubt(grey: Any, box: tuple[int, int, int, int]) -> bool:
    return _eyes(grey, box) >= 1 and all(_votes(grey, box))


def _votes(grey: Any, box: tuple[int, int, int, int]) -> Iterator[bool]:
    """Yield what each cascade says of a hit, seen from near, and of its mirror image."""
    import cv2
    import numpy as np

    x, y, width, height = box
    margin = int(width * _AROUND)
    left, top = max(0, x - margin), max(0, y - margin)
    part = grey[top : y + height + margin, left : x + width + margin]
    for wide in _WIDTHS:
        scale = wide / width
        near = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
        place = ((x - left) * scale, (y - top) * scale, width * scale, height * scale)
        mirrored = (near.shape[1] - place[0] - place[2], *place[1:])
        for view, where in ((near, place), (np.ascontiguousarray(near[:, ::-1]), mirrored)):
            for name in _CONFIRM:
                least = (int(wide * 0.6), int(wide * 0.6))
                hits = _cascade(name).detectMultiScale(view, 1.1, _NEIGHBORS, minSize=least)
                yield any(_overlap(hit, where) > 0.4 for hit in hits)


def _eyes(grey: Any, box: tuple[int, int, int, int]) -> int:
    """Count eyes in the upper half of a hit."""
    import cv2

    x, y, width, height = box
    part = cv2.resize(grey[y : y + height, x : x + width], (120, 120))
    return sum(hit[1] < 60 for hit in _cascade(_EYES).detectMultiScale(part, 1.1, 3))


def _skin(colours: Any, box: tuple[int, int, int, int]) -> float:
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


def _sorted(found: list[tuple[int, int, int, int]], scale: float) -> list[Box]:
    boxes = [Box(*(int(value / scale) for value in box)) for box in found]
    return sorted(boxes, key=lambda box: (-box.width * box.height, box.x, box.y))


@cache
def _cascade(name: str) -> Any:
    import cv2
    from cv2.data import haarcascades

    return cv2.CascadeClassifier(f"{haarcascades}haarcascade_{name}.xml")
