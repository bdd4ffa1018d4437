"""The renderer of invitation cards: layout, values and photo in, a picture out. Pure and replaceable.

Whoever uses it imports this package alone. Strangers' pictures and fonts are only ever opened in the child
processes of a `Pool`. Importing this package is cheap: OpenCV, HarfBuzz, Pillow and the fonts are loaded by
the children.
"""

from chatboost.core.pictures import PictureError
from invitations.rendering.contract import (
    Box,
    Card,
    CardRequest,
    FaceOptions,
    FontInfo,
    LayoutError,
    PreparedPhoto,
    PreparedPicture,
    TextBox,
)
from invitations.rendering.crops import crop_of
from invitations.rendering.defaults import default_document
from invitations.rendering.documents import Layout, parse
from invitations.rendering.fonts import families as font_families
from invitations.rendering.pool import Pool
from invitations.rendering.schema import SCHEMA

__all__ = [
    "SCHEMA",
    "Box",
    "Card",
    "CardRequest",
    "FaceOptions",
    "FontInfo",
    "Layout",
    "LayoutError",
    "PictureError",
    "Pool",
    "PreparedPhoto",
    "PreparedPicture",
    "TextBox",
    "crop_of",
    "default_document",
    "font_families",
    "parse",
]
