"""Draw a photo into its layer: cropped, shaped, bordered."""

import io
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from chatboost.core import pictures
from chatboost.core.pictures import Limits, PictureError, headers
from invitations.rendering import avatars, crops, shapes, stamps
from invitations.rendering.contract import Box
from invitations.rendering.documents import PhotoLayer
from invitations.rendering.stamps import Stamp

if TYPE_CHECKING:
    from PIL.Image import Image


class Photo:
    """A prepared photo, decoded as large as its largest layer needs it."""

    def __init__(self, content: bytes, limits: Limits) -> None:
        self._content = content
        self._limits = limits
        self._header = headers.read(content, limits)
        self._image: Image | None = None
        self._need = 0.0
        turned = self._header.orientation >= 5
        width, height = self._header.width, self._header.height
        self.size = (height, width) if turned else (width, height)

    def cut(self, crop: Box, width: int, height: int) -> "Image":
        """Return what a crop shows, in a size: RGB or RGBA."""
        from PIL import Image

        left, top, right, bottom = crops.covering(crops.inside(crop, self.size), width, height)
        image, scale = self._decoded(width / max(right - left, 1))
        box = (left * scale[0], top * scale[1], right * scale[0], bottom * scale[1])
        box = (box[0], box[1], min(box[2], image.width), min(box[3], image.height))
        if image.mode == "RGBA":
            return (
                image.convert("RGBa").resize((width, height), Image.Resampling.LANCZOS, box).convert("RGBA")
            )
        return image.resize((width, height), Image.Resampling.LANCZOS, box, reducing_gap=2)

    def _decoded(self, need: float) -> "tuple[Image, tuple[float, float]]":
        """Return the picture, and how large it is beside the file's."""
        need = min(need, 1.0)
        if self._image is None or self._need < need:
            self._image, self._need = self._decode(need), need
        image = self._image
        return image, (image.width / self.size[0], image.height / self.size[1])

    def _decode(self, need: float) -> "Image":
        """Decode it; a JPEG no larger than needed, which its format makes cheap."""
        from PIL import Image

        header = self._header
        if header.media_type == "image/jpeg" and header.orientation == 1 and not header.profile:
            try:
                image = Image.open(io.BytesIO(self._content), formats=("JPEG",))
                image.draft("RGB", (math.ceil(header.width * need), math.ceil(header.height * need)))
                return image.convert("RGB")
            except (OSError, SyntaxError, ValueError) as error:
                raise PictureError("damaged", "The photo can't be decoded.") from error
        image = pictures.decode(self._content, self._limits).image
        return image.convert("RGBA" if image.mode in ("LA", "RGBA") else "RGB")


def draw(
    layer: PhotoLayer, photo: Photo | None, *, name: str, face: Box | None, crop: Box | None
) -> Iterator[Stamp]:
    """Draw a layer; without a photo its avatar."""
    x, y, width, height = layer.box
    border = min(round(layer.border.width), (min(width, height) - 1) // 2)
    wide, high = width - 2 * border, height - 2 * border
    if photo is None:
        image = avatars.draw(name, wide, high)
    else:
        image = photo.cut(crop or crops.crop_of(photo.size, face, layer.crop), wide, high)
    mask = shapes.rounded(wide, high, _radius(layer) - border)
    if border:
        # Under what hides it the line goes on, so that no seam shows.
        is_hidden = image.mode == "RGB" and layer.border.color[3] == 255
        line = (
            shapes.rounded(width, height, _radius(layer))
            if is_hidden
            else shapes.ring(width, height, _radius(layer), border)
        )
        yield stamps.colored(x, y, layer.border.color, line)
    if image.mode == "RGBA" and layer.background[3]:
        yield stamps.colored(x + border, y + border, layer.background, mask)
    yield stamps.picture(x + border, y + border, image, mask)


def _radius(layer: PhotoLayer) -> float:
    most = min(layer.box.width, layer.box.height) / 2
    return {"circle": most, "rounded": min(layer.radius, most), "square": 0.0}[layer.shape]
