"""Pixelss of few colours."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image as Pixels

MOST = 256
# Frames that are looked at for the palette of all.
_LOOKED_AT = 6
_LOOKED_AT_PIXELS = 60_000


def exact(image: "Pixels") -> "Pixels | None":
    """Return the same picture with a palette; None if it has more colours than a palette holds."""
    from PIL import Image

    if image.mode == "L":
        return image
    colours = image.getcolors(MOST)
    if colours is None or image.mode == "LA":
        return None
    import numpy as np

    known = np.array([colour for _, colour in colours], np.uint8)
    numbers = _numbers(known)
    order = np.argsort(numbers)
    places = np.searchsorted(numbers[order], _numbers(np.asarray(image)))
    made = Image.fromarray(places.astype(np.uint8))
    made.putpalette(known[order].tobytes(), image.mode)
    return made


def few(image: "Pixels", colours: int) -> "Pixels":
    """Return the picture with at most so many colours, not dithered: noise costs bytes."""
    from PIL import Image

    if image.mode in ("RGBA", "LA"):
        return image.convert("RGBA").quantize(colours, Image.Quantize.FASTOCTREE)
    flat = image.convert("RGB")
    return flat.quantize(palette=_palette([flat], colours), dither=Image.Dither.NONE)


def few_of_all(images: Sequence["Pixels"], colours: int) -> list[tuple["Pixels", int | None]]:
    """Return pictures of one size with a common palette of so many colours at most.

    Beside each stands which colour means that nothing is drawn, if one does. What does not change from one
    picture to the next stays the same, so that a format that stores differences has none to store there.
    """
    from PIL import Image

    masks = [_clear(image) for image in images]
    flat = [image.convert("RGB") for image in images]
    has_clear = any(mask is not None for mask in masks)
    palette = _palette(flat[:: -(-len(flat) // _LOOKED_AT)], colours - has_clear)
    made = []
    for image, mask in zip(flat, masks, strict=True):
        drawn = image.quantize(palette=palette, dither=Image.Dither.NONE)
        if mask is not None:
            drawn.paste(colours - 1, (0, 0), mask)
        made.append((drawn, None if mask is None else colours - 1))
    return made


def _palette(images: Sequence["Pixels"], colours: int) -> "Pixels":
    """Return an image with the palette that suits these best, by some of their pixels."""
    from PIL import Image

    width, height = images[0].size
    share = min(1.0, (_LOOKED_AT_PIXELS / (width * height * len(images))) ** 0.5)
    size = (max(1, round(width * share)), max(1, round(height * share)))
    strip = Image.new("RGB", (size[0], size[1] * len(images)))
    for number, image in enumerate(images):
        strip.paste(image.resize(size, Image.Resampling.NEAREST), (0, size[1] * number))
    return strip.quantize(colours, Image.Quantize.MEDIANCUT)


def _clear(image: "Pixels") -> "Pixels | None":
    """Return where a picture is rather transparent than not; None if nowhere."""
    if image.mode not in ("RGBA", "LA"):
        return None
    mask = image.getchannel("A").point([255] * 128 + [0] * 128)
    return mask if mask.getbbox() else None


def _numbers(array: Any) -> Any:
    """Return one number for each colour."""
    import numpy as np

    numbers = np.zeros(array.shape[:-1], np.uint32)
    for channel in range(array.shape[-1]):
        numbers = (numbers << 8) | array[..., channel]
    return numbers
