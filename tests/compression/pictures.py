"""Pictures that the tests draw themselves."""

import io
import struct
import zlib
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageDraw, ImageFilter

SECRET = b"Rosebud-4711"
# Red, green, blue, yellow: a turned picture is recognised by its corners.
CORNERS = ((220, 30, 30), (30, 180, 30), (30, 30, 220), (220, 220, 30))


def photo(width: int = 320, height: int = 240, *, seed: int = 1, noise: float = 6) -> Image.Image:
    """Draw soft shapes with some grain: about as hard to compress as a photograph."""
    return _photo(width, height, seed, noise).copy()


@cache
def _photo(width: int, height: int, seed: int, noise: float) -> Image.Image:
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (width, height), (120, 140, 170))
    draw = ImageDraw.Draw(image)
    for _ in range(60):
        x, y, side = rng.integers(0, width), rng.integers(0, height), rng.integers(4, max(5, width // 4))
        draw.ellipse((x, y, x + side, y + side), fill=tuple(int(each) for each in rng.integers(0, 256, 3)))
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(2)), float)
    return Image.fromarray((soft + rng.normal(0, noise, soft.shape)).clip(0, 255).astype(np.uint8))


def corners(width: int = 96, height: int = 64) -> Image.Image:
    """Draw four quarters: top left, top right, bottom left, bottom right."""
    image = Image.new("RGB", (width, height))
    halves = (width // 2, height // 2)
    for number, colour in enumerate(CORNERS):
        image.paste(
            colour,
            (
                number % 2 * halves[0],
                number // 2 * halves[1],
                *((halves[0] * (1 + number % 2), halves[1] * (1 + number // 2))),
            ),
        )
    return image


def saved(image: Image.Image, name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def exif(orientation: int = 1) -> Image.Exif:
    """Return EXIF with a secret, a place and a turn."""
    made = Image.Exif()
    made[0x0112] = orientation
    made[0x010E] = SECRET.decode()
    made.get_ifd(0x8825)[1] = "N"
    made.get_ifd(0x8825)[2] = (48.0, 12.0, 34.5)
    return made


def wide_profile() -> bytes:
    """Return an ICC profile that swaps red and blue: ignoring it is plain to see."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    places = {}
    for number in range(struct.unpack_from(">I", profile, 128)[0]):
        tag, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * number)
        places[tag] = (offset, size)
    red, blue = (slice(at, at + size) for at, size in (places[b"rXYZ"], places[b"bXYZ"]))
    profile[red], profile[blue] = profile[blue], profile[red]
    return bytes(profile)


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(payload) + 2) + payload


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def chunk(name: bytes, payload: bytes) -> bytes:
    body = name + payload
    return struct.pack(">I", len(payload)) + body + struct.pack(">I", zlib.crc32(body))


def with_chunks(png: bytes, *chunks: bytes) -> bytes:
    """Put chunks behind the header of a PNG."""
    return png[:33] + b"".join(chunks) + png[33:]


def png_of(
    width: int, height: int, rows: bytes, *, depth: int = 8, colour: int = 2, more: bytes = b""
) -> bytes:
    """Write a PNG by hand: any header, any rows (each behind its filter's byte)."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + more
        + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )


def animation(name: str, frames: int = 6, *, size: int = 48, **options: Any) -> bytes:
    """Draw a square that moves."""
    images = []
    for number in range(frames):
        image = Image.new("RGB", (size, size), (20, 60, 90))
        image.paste((240, 200, 40), (4 * number % size, 8, 4 * number % size + 12, 20))
        images.append(image)
    durations = [40 + 20 * number for number in range(frames)]
    first, *others = images
    return saved(first, name, save_all=True, append_images=others, duration=durations, **options)


def mean_difference(one: Image.Image, other: Image.Image) -> float:
    pixels = [np.asarray(image.convert("RGBA"), float) for image in (one, other)]
    return float(np.abs(pixels[0] - pixels[1]).mean())
