"""Make pictures ready for cards: upright, in sRGB, no larger than cards need, free of metadata."""

import io
from typing import TYPE_CHECKING

from chatboost.core import pictures
from invitations.rendering import faces
from invitations.rendering.contract import FaceOptions, PreparedPhoto, PreparedPicture

if TYPE_CHECKING:
    from PIL.Image import Image

JPEG, PNG = "image/jpeg", "image/png"
PHOTO_SIDE = 1600
PICTURE_SIDE = 4000
QUALITY = 92


def prepare_photo(content: bytes, options: FaceOptions, limits: pictures.Limits) -> PreparedPhoto:
    """Decode a stranger's photo, look for faces and store it as cards need it.

    Raises:
        PictureError: the photo does not come out.
    """
    image = _opened(content, PHOTO_SIDE, limits)
    found, turn = faces.find(image, options)
    if turn:
        image = image.rotate(-turn, expand=True)
    content, media_type = _saved(image)
    return PreparedPhoto(
        content=content,
        media_type=media_type,
        width=image.width,
        height=image.height,
        faces=found,
        chosen=faces.choose(found, image.size),
        turned=turn,
    )


def prepare_picture(content: bytes, limits: pictures.Limits) -> PreparedPicture:
    """Decode a layout's picture and store it as cards need it.

    Raises:
        PictureError: the picture does not come out.
    """
    image = _opened(content, PICTURE_SIDE, limits)
    content, media_type = _saved(image)
    return PreparedPicture(content=content, media_type=media_type, width=image.width, height=image.height)


def _opened(content: bytes, side: int, limits: pictures.Limits) -> "Image":
    if len(content) > limits.max_bytes:
        raise pictures.PictureError("too_large", "The file has more bytes than are allowed.")
    picture = pictures.decode(content, limits)
    longest = max(picture.size)
    image = (picture if longest <= side else picture.shrunk(side / longest)).image
    if picture.has_alpha and image.getchannel("A").getextrema()[0] == 255:
        image = image.convert(image.mode.removesuffix("A"))
    return image.convert("RGBA" if image.mode in ("LA", "RGBA") else "RGB")


def _saved(image: "Image") -> tuple[bytes, str]:
    buffer = io.BytesIO()
    if image.mode == "RGBA":
        image.save(buffer, "PNG", compress_level=6)
        return buffer.getvalue(), PNG
    image.save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return buffer.getvalue(), JPEG
