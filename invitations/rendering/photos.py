"""Draw a photo into its layer: cropped, shaped, bordered."""

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from chatboost.core import pictures
from chatboost.core.pictures import Limits, headers
from invitations.rendering import avatars, crops, shapes, stamps
from invitations.rendering.contract import Box
from invitations.rendering.documents import PhotoLayer
from invitations.rendering.stamps import Stamp

if TYPE_CHECKING:
    from PIL.Image import Image

# From seven eighths on a decoder gives all pixels, and smoothing colours shows.
_REDUCED = 7 / 8
# Down to here the nearest pixels are all that counts, and taking only those is five times as fast.
_HALF = 0.5


class Photo:
    """A prepared photo, decoded as large as its largest layer needs it."""

    def __init__(self, content: bytes, limits: Limits) -> None:
        self._content = content
        self._limits = limits
        self._header = headers.read(content, limits)
        self._picture: pictures.Picture | None = None
        self._need = 0.0
        width, height = self._header.width, self._header.height
        self.size = (height, width) if self._header.orientation >= 5 else (width, height)

    def cut(self, crop: Box, width: int, height: int) -> "Image":
        """Return what a crop shows, in a size: RGB or RGBA."""
        left, top, right, bottom = crops.covering(crops.inside(crop, self.size), width, height)
        picture = self._decoded(width / max(right - left, 1))
        across, down = picture.size[0] / self.size[0], picture.size[1] / self.size[1]
        box = (left * across, top * down, right * across, bottom * down)
        return _resized(picture, box, width, height)

    def _decoded(self, need: float) -> pictures.Picture:
        if self._picture is None or self._need < need:
            self._picture, self._need = self._decode(need), need
        return self._picture

    def _decode(self, need: float) -> pictures.Picture:
        """Decode it; a JPEG no larger than needed, which its format makes cheap."""
        import simplejpeg

        header = self._header
        is_plain = header.orientation == 1 and not header.profile and header.components == 3
        if header.media_type == "image/jpeg" and is_plain:
            least: dict[str, Any] = {}
            if need < _REDUCED:
                width, height = math.ceil(header.width * need), math.ceil(header.height * need)
                least = {"min_width": width, "min_height": height, "fastupsample": True}
            with suppress(ValueError):
                return pictures.Picture(array=simplejpeg.decode_jpeg(self._content, "RGB", **least))
        return pictures.decode(self._content, self._limits)


def frame(layer: PhotoLayer) -> Iterator[Stamp]:
    """Draw what is around and below a photo, which is the same on every card."""
    x, y, width, height = layer.box
    border = _border(layer)
    if border:
        # A pixel of it goes on under the photo, so that no seam shows.
        yield stamps.colored(x, y, layer.border.color, shapes.ring(width, height, _radius(layer), border + 1))
    if layer.background[3]:
        mask = shapes.rounded(width - 2 * border, height - 2 * border, _radius(layer) - border)
        yield stamps.colored(x + border, y + border, layer.background, mask)


def draw(layer: PhotoLayer, photo: Photo | None, *, name: str, face: Box | None, crop: Box | None) -> Stamp:
    """Draw a layer's photo; without one its avatar."""
    border = _border(layer)
    wide, high = layer.box.width - 2 * border, layer.box.height - 2 * border
    if photo is None:
        image = avatars.draw(name, wide, high)
    else:
        image = photo.cut(crop or crops.crop_of(photo.size, face, layer.crop), wide, high)
    mask = shapes.rounded(wide, high, _radius(layer) - border)
    return stamps.picture(layer.box.x + border, layer.box.y + border, image, mask)


def _border(layer: PhotoLayer) -> int:
    return min(round(layer.border.width), (min(layer.box.width, layer.box.height) - 1) // 2)


def _resized(
    picture: pictures.Picture, box: tuple[float, float, float, float], width: int, height: int
) -> "Image":
    """Cut a box out and bring it to a size. OpenCV does it several times faster than Pillow."""
    import cv2
    from PIL import Image

    left, top = int(box[0]), int(box[1])
    right, bottom = max(left + 1, round(box[2])), max(top + 1, round(box[3]))
    if picture.has_alpha:
        part = picture.image.convert("RGBA").crop((left, top, right, bottom)).convert("RGBa")
        return part.resize((width, height), Image.Resampling.LANCZOS).convert("RGBA")
    part = picture.array[top:bottom, left:right]
    scale = width / part.shape[1]
    way = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR if scale >= _HALF else cv2.INTER_AREA
    part = cv2.resize(part, (width, height), interpolation=way)
    return Image.fromarray(part).convert("RGB")


def _radius(layer: PhotoLayer) -> float:
    most = min(layer.box.width, layer.box.height) / 2
    return {"circle": most, "rounded": min(layer.radius, most), "square": 0.0}[layer.shape]
