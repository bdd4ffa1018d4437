"""The default card, looked at once for each of these and held to since. `RECORD=1` draws them anew: look."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from invitations.rendering import Box, Card
from tests.compression import pictures
from tests.invitations.rendering import portraits
from tests.invitations.rendering.portraits import FACE, VALUES

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
SIZE = (320, 400)
COLORS = 24
NAME = (30, 205, 290, 262)
CASES = {
    "latin": ("Amelia Clarke", portraits.jpeg),
    "latin-long": (
        "Maximilian-Alexander Wolfeschlegelsteinhausenbergerdorff von Hohenstein-Rosenberg zu Guttenberg",
        portraits.jpeg,
    ),
    "urdu": ("ڈاکٹر محمد عبداللہ چغتائی", portraits.jpeg),
    "arabic-digits": ("أحمد بن محمد 2026 (VIP)", portraits.jpeg),
    "emoji": ("Sarah 🎉👩\u200d🚀🇵🇰❤️", portraits.jpeg),
    "vietnamese": ("Nguyễn Thị Ánh Tuyết", portraits.jpeg),
    "no-photo": ("Priya Ramanathan", None),
    "no-photo-urdu": ("محمد علی", None),
    "transparent": ("Şükrü İğdır", portraits.cut_out),
}


@pytest.mark.parametrize("case", CASES)
def test_card_looks_as_it_did(case: str) -> None:
    card = drawn(case)
    small = pictures.opened(card.content).resize(SIZE, Image.Resampling.LANCZOS)
    path = GOLDEN / f"{case}.png"
    if os.environ.get("RECORD"):
        palette = small.quantize(COLORS, dither=Image.Dither.NONE)
        small.quantize(palette=palette, dither=Image.Dither.NONE).save(path, optimize=True)
    golden = Image.open(path)
    # In the golden picture's few colours, so that what they take away is no difference.
    small = small.quantize(palette=golden, dither=Image.Dither.NONE).convert("RGB")
    golden = golden.convert("RGB")
    assert difference(small, golden) < 1
    assert difference(small.crop(NAME), golden.crop(NAME)) < 2


@pytest.mark.parametrize("case", CASES)
def test_no_glyph_is_missing_and_every_text_lies_in_its_layer(case: str) -> None:
    card = drawn(case)
    assert card.missing_glyphs == []
    layers = {layer["name"]: layer for layer in portraits.default_document()["layers"]}
    for text in card.texts:
        assert text.is_fitted, text.name
        layer = layers[text.name]
        assert is_inside(text.box, Box(layer["x"], layer["y"], layer["width"], layer["height"])), text.name


def test_golden_pictures_differ_from_each_other() -> None:
    """A tolerance that lets one name pass for another would be none."""
    names = [Image.open(GOLDEN / f"{case}.png").convert("RGB").crop(NAME) for case in CASES]
    for number, one in enumerate(names):
        assert all(difference(one, other) > 5 for other in names[number + 1 :])


def drawn(case: str) -> Card:
    name, photo = CASES[case]
    values = {**VALUES, "contact": {"name": name}}
    return portraits.render(values=values, photo=photo and photo(), face=FACE if photo else None)


def is_inside(inner: Box, outer: Box) -> bool:
    return (
        outer.x <= inner.x
        and outer.y <= inner.y
        and inner.x + inner.width <= outer.x + outer.width
        and inner.y + inner.height <= outer.y + outer.height
    )


def difference(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(np.asarray(one, float) - np.asarray(other, float)).mean())
