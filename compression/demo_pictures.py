"""The demo's pictures: drawn here, served to this machine, and fetched from it. Only with the setting.

Twenty of them, in the formats and sizes that shops have; the same each time.
"""

import csv
import io
import math
import random
from functools import lru_cache
from typing import Final

from django.conf import settings
from PIL import Image, ImageDraw, ImageFilter

COUNT: Final = 20
PATH: Final = "/compression/demo/"
_FORMATS: Final[tuple[tuple[str, str], ...]] = (
    *(("JPEG", "jpg"), ("PNG", "png"), ("JPEG", "jpg"), ("WEBP", "webp"), ("JPEG", "jpg")),
)
_MEDIA_TYPES: Final = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
_SIZES: Final = ((1200, 900), (900, 1200), (1024, 1024), (1600, 900))
_THINGS: Final = ("Mug", "Lamp", "Chair", "Basket", "Clock", "Vase", "Bowl", "Rug", "Mirror", "Shelf")


def own_host() -> str:
    """Return where this installation serves on this machine."""
    return f"127.0.0.1:{settings.PORT}"


def is_own(url: str) -> bool:
    """Tell whether a URL is one of the demo's pictures, while there are any."""
    return settings.COMPRESSION_DEMO_PICTURES and url in _addresses(own_host())


def table() -> str:
    """Return the demo's table as CSV: ten products of two pictures."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["S. No.", "Product Name", "Input Image Urls"])
    addresses = _addresses(own_host())
    for number, thing in enumerate(_THINGS):
        writer.writerow([number + 1, thing, ", ".join(addresses[2 * number : 2 * number + 2])])
    return text.getvalue()


def name_of(number: int) -> str:
    """Return what a picture (from 1) is called."""
    return f"picture-{number:02}.{_FORMATS[number % len(_FORMATS)][1]}"


def media_type_of(number: int) -> str:
    """Return a picture's media type."""
    return _MEDIA_TYPES[_FORMATS[number % len(_FORMATS)][1]]


@lru_cache(maxsize=COUNT)
def draw(number: int) -> bytes:
    """Draw a picture: a soft background with shapes in front, a little noise as a camera's."""
    rng = random.Random(number)  # noqa: S311 only looks
    width, height = _SIZES[number % len(_SIZES)]
    picture = _background(rng, width, height)
    pen = ImageDraw.Draw(picture)
    for _ in range(14):
        _shape(pen, rng, width, height)
    noise = Image.effect_noise((width, height), 18).convert("RGB")
    picture = Image.blend(picture.filter(ImageFilter.GaussianBlur(0.8)), noise, 0.06)
    stream = io.BytesIO()
    options = {"quality": 92} if _FORMATS[number % len(_FORMATS)][0] != "PNG" else {}
    picture.save(stream, _FORMATS[number % len(_FORMATS)][0], **options)
    return stream.getvalue()


@lru_cache(maxsize=4)
def _addresses(host: str) -> list[str]:
    return [f"http://{host}{PATH}{name_of(number)}" for number in range(1, COUNT + 1)]


def _background(rng: random.Random, width: int, height: int) -> Image.Image:
    shades = [Image.linear_gradient("L"), Image.radial_gradient("L")]
    channels = [
        rng.choice(shades).rotate(rng.randrange(0, 360, 90)).resize((width, height)).point(_curve(rng))
        for _ in range(3)
    ]
    return Image.merge("RGB", channels)


def _curve(rng: random.Random) -> list[int]:
    low, high = rng.randrange(40, 120), rng.randrange(150, 250)
    return [int(low + (high - low) * value / 255) for value in range(256)]


def _shape(pen: ImageDraw.ImageDraw, rng: random.Random, width: int, height: int) -> None:
    colour = (rng.randrange(256), rng.randrange(256), rng.randrange(256))
    x, y, size = rng.randrange(width), rng.randrange(height), rng.randrange(40, width // 4)
    match rng.randrange(3):
        case 0:
            pen.ellipse((x - size, y - size, x + size, y + size), fill=colour)
        case 1:
            pen.rounded_rectangle((x - size, y - size // 2, x + size, y + size // 2), size // 6, fill=colour)
        case _:
            corners = [
                (x + size * math.cos(turn * 2.1), y + size * math.sin(turn * 2.1)) for turn in range(3)
            ]
            pen.polygon(corners, fill=colour)
