"""Bring pixels to what screens expect: 8 bits, sRGB, alpha beside the colours."""

import io
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image as Pixels

# Longer profiles hold printers' tables; a request meets each of them once or twice.
_CACHED_PROFILE = 64 * 1024
_MODES = {"RGB": "RGB", "L": "L", "CMYK": "CMYK", "LAB": "LAB"}
# Colours that differ by less than this look alike, so the profile says nothing.
_ALIKE = 2


def normalise(image: "Pixels") -> "Pixels":
    """Return the picture as L, LA, RGB or RGBA in sRGB, free of all that came with it."""
    profile = image.info.get("icc_profile")
    image = _eight_bits(image)
    if image.mode in ("P", "PA") or (image.mode in ("1", "L", "RGB") and image.has_transparency_data):
        image = image.convert(_full_mode(image))
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    if profile and (transform := transform_of(bytes(profile), image.mode.removesuffix("A"))):
        colours = image.convert(image.mode.removesuffix("A")) if alpha else image
        image = _apply(transform, colours)
        if alpha:
            image.putalpha(alpha)
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    image.info = {}
    return image


def space(image: "Pixels") -> str:
    """Return the mode of the colours that a profile of this image is about."""
    mode: str = image.mode
    if mode in ("P", "PA"):
        return "RGB"
    return "L" if mode.startswith(("1", "I", "F")) else mode.removesuffix("A")


def transform_of(profile: bytes, mode: str) -> Any:
    """Return what turns pixels of the mode into sRGB; None if they are, or the profile is broken."""
    read = _read_profile if len(profile) > _CACHED_PROFILE else _read_profile_once
    return read(profile, mode)


def _read_profile(profile: bytes, mode: str) -> Any:
    from PIL import Image, ImageCms

    if mode not in _MODES:
        return None
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        if mode not in ("RGB", "L"):
            return transform
        steps = (0, 32, 64, 96, 128, 160, 192, 224, 255)
        colours = (
            [bytes((red, green, blue)) for red in steps for green in steps for blue in steps]
            if mode == "RGB"
            else [bytes((grey,)) for grey in steps]
        )
        before = Image.frombytes(mode, (len(colours), 1), b"".join(colours))
        after = ImageCms.applyTransform(before, transform)
    except (ImageCms.PyCMSError, OSError, ValueError):
        # Viewers ignore a profile that they can't read, or that is for another kind of picture.
        return None
    assert after is not None
    pairs = zip(before.convert("RGB").tobytes(), after.tobytes(), strict=True)
    return None if all(abs(one - other) <= _ALIKE for one, other in pairs) else transform


_read_profile_once = lru_cache(maxsize=32)(_read_profile)


def _apply(transform: Any, image: "Pixels") -> "Pixels":
    from PIL import ImageCms

    done = ImageCms.applyTransform(image, transform)
    assert done is not None
    return done


def _eight_bits(image: "Pixels") -> "Pixels":
    """Scale what has more bits; Pillow's own conversion would clip it."""
    from PIL import Image

    if not image.mode.startswith(("I", "F")):
        return image
    if image.mode == "F":
        return image.convert("L")
    import numpy as np

    values = np.asarray(image)
    grey = Image.fromarray((values.clip(0, 65535) >> 8).astype(np.uint8))
    if (clear := image.info.get("transparency")) is not None:
        grey.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    return grey


def _full_mode(image: "Pixels") -> str:
    if image.mode in ("1", "L"):
        return "LA"
    return "RGBA" if image.has_transparency_data else "RGB"
