"""Small pictures of cards, for lists. They are made from cards that we drew ourselves."""

import io
from typing import Final

SIDE: Final = 480
QUALITY: Final = 80
MEDIA_TYPE: Final = "image/jpeg"


def small(card: bytes) -> bytes:
    """Return a card as a JPEG of at most `SIDE` pixels a side, on white."""
    from PIL import Image

    with Image.open(io.BytesIO(card)) as picture:
        # A JPEG is decoded no larger than it has to be.
        picture.draft("RGB", (SIDE, SIDE))
        picture.thumbnail((SIDE, SIDE))
        if "A" in picture.getbands():
            flat = Image.new("RGB", picture.size, "white")
            flat.paste(picture, mask=picture.getchannel("A"))
        else:
            flat = picture.convert("RGB")
        made = io.BytesIO()
        flat.save(made, "JPEG", quality=QUALITY)
    return made.getvalue()
