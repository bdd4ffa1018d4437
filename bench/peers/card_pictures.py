"""What the card row draws from: a template, a portrait and where its face is."""

import io
import json
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

from bench.peers import cards
from bench.peers.compression_pictures import SAMPLES, _draw

PORTRAIT = SAMPLES / "faces" / "fr_obama.jpg"
PHOTO_SIZE = (1600, 2000)


def write(folder: Path) -> None:
    """Write down all that renderers read."""
    from chatboost.core.pictures import Limits
    from invitations.rendering import FaceOptions, crop_of, fonts
    from invitations.rendering.pictures import prepare_photo

    _template().save(folder / "template.png")
    raw = io.BytesIO()
    _portrait().resize(PHOTO_SIZE, Image.Resampling.LANCZOS).save(raw, "JPEG", quality=QUALITY)
    (folder / "raw.jpg").write_bytes(raw.getvalue())
    photo = prepare_photo(raw.getvalue(), FaceOptions(), Limits())
    (folder / "photo.jpg").write_bytes(photo.content)
    known = {
        "font": str(fonts.path_of(fonts.FAMILIES[1])),
        "face": photo.chosen,
        "crop": crop_of((photo.width, photo.height), photo.chosen, "head"),
        "names": cards.NAMES,
        "size": cards.SIZE,
        "places": {"photo": cards.PHOTO, "name": cards.NAME, "number": cards.NUMBER},
    }
    (folder / "known.json").write_text(json.dumps(known))


QUALITY = 90


def _template() -> Image.Image:
    """Draw a picture as people put behind a card: soft, with a light panel for what is written on it."""
    image = _draw(cards.WIDTH, cards.HEIGHT, seed=7).filter(ImageFilter.GaussianBlur(2))
    panel = Image.new("RGB", image.size, "#fbf7ef")
    mask = Image.new("L", image.size)
    ImageDraw.Draw(mask).rounded_rectangle((100, 120, 1500, 1880), 60, fill=220)
    image.paste(panel, (0, 0), mask)
    return image


def _portrait() -> Image.Image:
    """Return a sample portrait, or somebody who is drawn: then no face is found, and the centre is shown."""
    if PORTRAIT.exists():
        return Image.open(PORTRAIT).convert("RGB")
    image = _draw(800, 1000, seed=3)
    draw = ImageDraw.Draw(image)
    draw.ellipse((80, 700, 720, 1500), fill=(52, 70, 104))
    draw.ellipse((250, 200, 550, 620), fill=(224, 176, 144))
    return image
