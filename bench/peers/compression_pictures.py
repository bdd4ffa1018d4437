"""The compression row's pictures: drawn with the spectrum of photographs, and samples if there are any."""

import csv
import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SAMPLES = Path(__file__).resolve().parents[2].parent / "shared" / "samples" / "images"
SIZES = ((1600, 1200), (1200, 1600), (2048, 1365), (1080, 1080), (2600, 1950), (1280, 720))


def drawn() -> list[bytes]:
    """Draw pictures and store them as a camera would: JPEG, quality 90, chroma halved."""
    return [_stored(_draw(*size, seed=seed)) for seed, size in enumerate(SIZES)]


def samples() -> list[bytes]:
    """Return the sample photographs that every contender reads alike: plain JPEGs that come out."""
    manifest = SAMPLES / "manifest.csv"
    if not manifest.exists():
        return []
    rows = csv.DictReader(manifest.open())
    chosen = [
        row
        for row in rows
        if row["format"] == "JPEG" and row["mode"] == "RGB" and "photograph" in row["exercises"]
    ]
    contents = [
        (SAMPLES / row["file"]).read_bytes() for row in chosen if row["exif_orientation"] in ("", "1")
    ]
    return [content for content in contents if b"ICC_PROFILE" not in content[:4096]]


def _draw(width: int, height: int, *, seed: int) -> Image.Image:
    """Draw clouds at every scale, as strong as they are large, with hard edges and some grain."""
    rng = np.random.default_rng(seed)
    pixels = np.full((height, width, 3), 128.0)
    scale = 2
    while scale < 1024:
        size = (max(2, width * scale // 1024), max(2, height * scale // 1024))
        for channel, strength in enumerate((1.0, 0.9, 0.8)):
            # Channels go together, as light does, and differ a little.
            rough = rng.normal(0, 1, size[::-1]).astype(np.float32)
            octave = Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC)
            share = np.asarray(octave) * 60 * strength / scale**0.55
            pixels += share[:, :, None] if channel == 0 else 0
            pixels[:, :, channel] += share * 0.3
        scale *= 2
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(30):
        x, y, side = rng.integers(0, width), rng.integers(0, height), rng.integers(10, width // 8)
        draw.rectangle(
            (x, y, x + side, y + side // 2), fill=tuple(int(each) for each in rng.integers(30, 226, 3))
        )
    grain = rng.normal(0, 2.5, pixels.shape)
    return Image.fromarray((np.asarray(image) + grain).clip(0, 255).astype(np.uint8))


def _stored(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90, subsampling="4:2:0")
    return buffer.getvalue()
