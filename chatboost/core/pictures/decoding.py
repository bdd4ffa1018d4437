"""From bytes to pixels: turned, in sRGB, once."""

import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chatboost.core.pictures import colours, containers, headers, sniffing, stripping
from chatboost.core.pictures.contract import Limits, PictureError
from chatboost.core.pictures.headers import Header
from chatboost.core.pictures.picture import Picture

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMATS = {
    sniffing.JPEG: "JPEG",
    sniffing.PNG: "PNG",
    sniffing.WEBP: "WEBP",
    sniffing.GIF: "GIF",
    sniffing.BMP: "BMP",
}
# Pillow's names of what EXIF's orientations ask for.
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


_SCRATCH = 32 * 1024 * 1024
_own = threading.local()


@dataclass(frozen=True, slots=True)
class Source:
    """What was decoded. `is_plain` says that the file's own pixels are already right: not turned, in sRGB."""

    picture: Picture
    is_plain: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of an animation, and for how long it is shown, in milliseconds."""

    picture: Picture
    duration: int


def decode(content: bytes, header: Header, limits: Limits, *, lasts: bool = False) -> Source:
    """Decode a still picture, or an animation's first frame.

    What `lasts` has its own memory, and its chroma is spread smoothly, for whoever looks at it. Otherwise it
    is for who encodes it again: good until this thread decodes the next one, and quicker.

    Raises:
        PictureError: `damaged`, `too_many_pixels`, `unsupported_format`.
    """
    if header.media_type == sniffing.JPEG and header.components in (1, 3):
        array = _quickly(content, header, limits, lasts=lasts)
        if array is not None:
            is_plain = header.orientation == 1
            return Source(Picture(array=array if is_plain else _turn(array, header.orientation)), is_plain)
    with _explained():
        image = _open(content, header, limits)
        image.load()
        return Source(*_finish(image, header))


def frames(content: bytes, header: Header, limits: Limits) -> Iterator[Frame]:
    """Decode an animation frame by frame, each as it is shown, so that only one is in memory.

    Raises:
        PictureError: `damaged`.
    """
    with _explained():
        image = _open(content, header, limits)
        size = image.size
        for number in range(header.frames):
            image.seek(number)
            image.load()
            duration = int(image.info.get("duration", 0))
            # A frame that leaves the canvas makes Pillow grow it.
            shown = image.copy() if image.size == size else image.crop((0, 0, *size))
            picture, _ = _finish(shown, header)
            yield Frame(picture, duration)


def loops(content: bytes, header: Header, limits: Limits) -> int:
    """Return how often an animation is played, 0 for ever."""
    with _explained():
        said = _open(content, header, limits).info.get("loop")
    if header.media_type != sniffing.GIF:
        return int(said or 0)
    # A GIF's figure counts repetitions, and without it the animation is played once.
    return 1 if said is None else int(said) and int(said) + 1


def _quickly(content: bytes, header: Header, limits: Limits, *, lasts: bool) -> Any:
    """Decode a plain JPEG by libjpeg-turbo alone; None if that is not the way for it.

    What doesn't last has its chroma spread without smoothing: an encoder takes the mean of just these pixels.
    """
    import simplejpeg

    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(content)
        headers.check(width, height, 1, limits)
        colourspace = "GRAY" if space.upper() == "GRAY" else "RGB"
        mode = "L" if colourspace == "GRAY" else "RGB"
        if header.profile and colours.transform_of(header.profile, mode) is not None:
            return None
        channels = 1 if colourspace == "GRAY" else 3
        buffer = None if lasts else _scratch(width * height * channels)
        return simplejpeg.decode_jpeg(content, colourspace, fastupsample=not lasts, buffer=buffer)
    except ValueError:
        # It found something amiss. Pillow knows what viewers forgive and what is missing.
        return None


def _scratch(size: int) -> bytearray | None:
    """Return a place for pixels that is this thread's until its next picture; None beyond `_SCRATCH`.

    Fresh memory has to be mapped page by page, which is a tenth of the time that a photograph takes.
    """
    if size > _SCRATCH:
        return None
    place: bytearray = getattr(_own, "place", bytearray())
    if len(place) < size:
        place = _own.place = bytearray(size)
    return place


def _turn(array: Any, orientation: int) -> Any:
    """Turn pixels, channel by channel: moving single bytes is twice as fast as moving them by threes."""
    import numpy as np

    def turn(plane: Any) -> Any:
        if orientation >= 5:
            plane = plane.T
        rows = slice(None, None, -1 if orientation in (3, 4, 7, 8) else 1)
        columns = slice(None, None, -1 if orientation in (2, 3, 6, 7) else 1)
        return plane[rows, columns]

    turned = np.empty((*turn(array[:, :, 0]).shape, array.shape[2]), np.uint8)
    for channel in range(array.shape[2]):
        turned[:, :, channel] = turn(array[:, :, channel])
    return turned


def _open(content: bytes, header: Header, limits: Limits) -> "Image":
    from PIL import Image

    # What Pillow doesn't get to see can't hurt: texts that unfold to gigabytes, directories in circles.
    content = stripping.strip(content, header, keeps_display=True)
    if header.media_type == sniffing.WEBP and header.frames > 1:
        content = containers.with_alpha(content)
    image = Image.open(io.BytesIO(content), formats=(_FORMATS[header.media_type],))
    headers.check(*image.size, 1, limits)
    return image


def _finish(image: "Image", header: Header) -> tuple[Picture, bool]:
    from PIL import Image

    mode, profile = image.mode, image.info.get("icc_profile")
    is_plain = header.orientation == 1 and mode != "CMYK"
    if profile and is_plain:
        is_plain = colours.transform_of(bytes(profile), colours.space(image)) is None
    if mode == "CMYK" and "adobe" not in image.info:
        # Pillow takes every JPEG's inks for inverted; only Adobe's are, and say so.
        image = _inverted(image)
    image = colours.normalise(image)
    if header.orientation != 1:
        image = image.transpose(Image.Transpose[_TURNS[header.orientation]])
    return Picture(image=image), is_plain


def _inverted(image: "Image") -> "Image":
    from PIL import ImageChops

    inverted = ImageChops.invert(image)
    inverted.info = image.info
    return inverted


class _explained:  # noqa: N801 - used as a block
    """Turn whatever a decoder throws at hostile bytes into a `PictureError`."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        from PIL import Image

        if isinstance(error, Image.DecompressionBombError):
            raise PictureError("too_many_pixels", "The picture has more pixels than are allowed.") from error
        if isinstance(error, NotImplementedError):
            raise PictureError("unsupported_format", "This variant of the format is not read.") from error
        if isinstance(error, Exception) and not isinstance(error, PictureError | MemoryError):
            # OSError, SyntaxError, ValueError, EOFError, struct.error, IndexError, zlib.error, …
            raise PictureError("damaged", "The picture can't be decoded.") from error
