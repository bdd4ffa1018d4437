"""Make pictures ready for cards: upright, in sRGB, no larger than cards need, free of metadata."""

import io
from typing import Any

from chatboost.core import pictures
from invitations.rendering import faces
from invitations.rendering.contract import FaceOptions, PreparedPhoto, PreparedPicture

JPEG, PNG = "image/jpeg", "image/png"
PHOTO_SIDE = 1600
PICTURE_SIDE = 4000
QUALITY = 92


def prepare_photo(content: bytes, options: FaceOptions, limits: pictures.Limits) -> PreparedPhoto:
    """Decode a stranger's photo, look for faces and store it as cards need it.

    Raises:
        PictureError: the photo does not come out.
    """
    import numpy as np

    pixels = _opened(content, PHOTO_SIDE, limits)
    found, turn = faces.find(pixels, options)
    if turn:
        pixels = np.rot90(pixels, -turn // 90)
    size = (pixels.shape[1], pixels.shape[0])
    content, media_type = _saved(pixels)
    return PreparedPhoto(
        content=content,
        media_type=media_type,
        width=size[0],
        height=size[1],
        faces=found,
        chosen=faces.choose(found, size),
        turned=turn,
    )


def prepare_picture(content: bytes, limits: pictures.Limits) -> PreparedPicture:
    """Decode a layout's picture and store it as cards need it.

    Raises:
        PictureError: the picture does not come out.
    """
    pixels = _opened(content, PICTURE_SIDE, limits)
    content, media_type = _saved(pixels)
    return PreparedPicture(
        content=content, media_type=media_type, width=pixels.shape[1], height=pixels.shape[0]
    )


def _opened(content: bytes, side: int, limits: pictures.Limits) -> Any:
    """Decode a picture: rows, columns, and three channels, or four if something of it is transparent."""
    import numpy as np

    if len(content) > limits.max_bytes:
        raise pictures.PictureError("too_large", "The file has more bytes than are allowed.")
    picture = pictures.decode(content, limits)
    scale = min(1.0, side / max(picture.size))
    if picture.has_alpha and picture.is_clear_somewhere:
        picture = picture.shrunk(scale) if scale < 1 else picture
        return np.asarray(picture.image.convert("RGBA"))
    pixels = _colours(picture)
    return faces.shrunk(pixels, scale) if scale < 1 else pixels


def _colours(picture: pictures.Picture) -> Any:
    import numpy as np

    if picture.has_array and picture.array.shape[2] == 3:
        return picture.array
    return np.asarray(picture.image.convert("RGB"))


def _saved(pixels: Any) -> tuple[bytes, str]:
    import numpy as np
    import simplejpeg
    from PIL import Image

    if pixels.shape[2] == 3:
        content = simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), QUALITY, "RGB", "420")
        return content, JPEG
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue(), PNG
