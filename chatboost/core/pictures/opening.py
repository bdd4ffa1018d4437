"""From bytes to a picture that is there to stay, in one step."""

from chatboost.core.pictures import decoding, headers
from chatboost.core.pictures.contract import Limits, contained
from chatboost.core.pictures.picture import Picture


def decode(content: bytes, limits: Limits) -> Picture:
    """Decode a picture, or an animation's first frame: upright, in sRGB.

    Raises:
        PictureError: it does not come out; its `code` says why.
    """
    with contained():
        header = headers.read(content, limits)
        return decoding.decode(content, header, limits, lasts=True).picture


def warm_up() -> None:
    """Load the libraries, so that the first picture doesn't pay."""
    import numpy  # noqa: F401
    import PIL.Image
    import PIL.ImageCms
    import simplejpeg  # noqa: F401

    PIL.Image.init()
