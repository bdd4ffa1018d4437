"""Portraits that the tests draw themselves, and documents of one layer."""

from functools import cache
from typing import Any

from PIL import Image, ImageDraw, ImageFilter

from chatboost.core.pictures import Limits
from invitations.rendering import Box, Card, CardRequest, cards, default_document
from tests.compression import pictures

FACE = Box(215, 235, 210, 210)
VALUES = {
    "contact": {"name": "Amelia Clarke", "email": "amelia@example.com"},
    "lucky_number": "0427",
    "card_url": "https://example.com/i/4f9c1a52-3a54-4d5e-8a66-0d9c9df5cbe1",
    "batch": {"name": "Spring"},
}


@cache
def portrait() -> Image.Image:
    """Draw somebody in front of a wall, 640 by 800 pixels; the face is at `FACE`."""
    image = Image.linear_gradient("L").resize((640, 800))
    image = Image.merge(
        "RGB", [image.point(lambda value, low=low: low + value // 5) for low in (150, 176, 190)]
    )
    draw = ImageDraw.Draw(image)
    draw.ellipse((90, 560, 550, 1200), fill=(52, 70, 104))
    draw.polygon([(250, 560), (390, 560), (320, 690)], fill=(236, 236, 240))
    draw.rounded_rectangle((272, 430, 368, 610), 40, fill=(196, 146, 116))
    draw.ellipse((196, 140, 444, 420), fill=(62, 42, 32))
    draw.ellipse((220, 180, 420, 470), fill=(224, 176, 144))
    draw.chord((206, 150, 434, 330), 180, 360, fill=(62, 42, 32))
    for x in (276, 364):
        draw.ellipse((x - 20, 290, x + 20, 316), fill=(250, 250, 250))
        draw.ellipse((x - 9, 293, x + 9, 313), fill=(52, 38, 30))
        draw.arc((x - 26, 262, x + 26, 300), 200, 340, fill=(62, 42, 32), width=6)
    draw.line([(320, 310), (310, 360), (328, 364)], fill=(190, 138, 108), width=5)
    draw.chord((280, 370, 360, 424), 10, 170, fill=(176, 76, 76))
    return image.filter(ImageFilter.GaussianBlur(1.2))


@cache
def jpeg() -> bytes:
    return pictures.saved(portrait(), "JPEG", quality=92)


@cache
def cut_out() -> bytes:
    """Return the portrait without its wall."""
    image = portrait().convert("RGBA")
    mask = Image.new("L", image.size)
    draw = ImageDraw.Draw(mask)
    draw.ellipse((90, 560, 550, 1200), fill=255)
    draw.ellipse((196, 140, 444, 470), fill=255)
    draw.rectangle((272, 430, 368, 610), fill=255)
    image.putalpha(mask)
    return pictures.saved(image, "PNG")


def text_layer(text: str, *, width: int = 600, height: int = 200, **more: Any) -> dict[str, Any]:
    place = {"x": 20, "y": 30, "width": width, "height": height}
    return {"type": "text", "name": "text", **place, "text": text, **more}


def document(*layers: dict[str, Any], width: int = 640, height: int = 260, **more: Any) -> dict[str, Any]:
    return {"version": 1, "width": width, "height": height, "layers": list(layers), **more}


def render(document: dict[str, Any] | None = None, *, shelf: cards.Shelf | None = None, **more: Any) -> Card:
    """Draw a card in this process."""
    fields = {"key": "key", "document": document or default_document(), "values": VALUES, **more}
    return cards.render(CardRequest(**fields), shelf or cards.Shelf(), Limits())
