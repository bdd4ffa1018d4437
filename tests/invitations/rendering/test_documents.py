"""Layouts are read whole, or all that is wrong with them is said."""

import json
from contextlib import suppress
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invitations.rendering import SCHEMA, LayoutError, default_document, font_families, parse
from invitations.rendering.documents import PhotoLayer, QrLayer, TextLayer
from tests.invitations.rendering.portraits import document, text_layer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


def problems_of(document: object) -> dict[str, str]:
    with pytest.raises(LayoutError) as caught:
        parse(document)
    return dict(caught.value.problems)


def test_schema_is_a_schema_and_the_default_document_follows_it() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(default_document(), SCHEMA)
    assert json.loads(json.dumps(default_document())) == default_document()


def test_default_document_needs_no_assets() -> None:
    layout = parse(default_document())
    assert layout.pictures == frozenset()
    assert layout.fonts <= set(font_families())
    assert (layout.width, layout.height) == (1600, 2000)


def test_everything_but_place_and_text_has_a_default() -> None:
    place = {"x": 1, "y": 2.6, "width": 30, "height": 40.4}
    layout = parse(
        document(
            {"type": "photo", **place},
            {"type": "text", "text": "hi", **place},
            {"type": "qr", "x": 0, "y": 0, "size": 50, "text": "hi"},
            {"type": "rectangle", **place},
            {"type": "picture", "picture": "logo", **place},
        )
    )
    photo, text, code, *_ = layout.layers
    assert isinstance(photo, PhotoLayer)
    assert photo.box == (1, 3, 30, 40)
    assert isinstance(text, TextLayer)
    assert text.name == "text 2"
    assert isinstance(code, QrLayer)
    assert code.box == (0, 0, 50, 50)
    assert layout.pictures == {"logo"}
    assert (layout.format, layout.quality, layout.color) == ("jpeg", 90, (255, 255, 255, 255))


def test_every_mistake_is_said_at_once_with_its_path() -> None:
    found = problems_of(
        {
            "version": 2,
            "width": 0,
            "format": "gif",
            "colour": "#fff",
            "layers": [
                text_layer("hi", color="red", size=10, min_size=20),
                {"type": "sticker"},
                7,
                text_layer("{{contact.name}", max_lines=0),
            ],
        }
    )
    assert found.keys() == {
        "",
        "version",
        "width",
        "format",
        "layers.0.color",
        "layers.0.min_size",
        "layers.1.type",
        "layers.2.type",
        "layers.3.text",
        "layers.3.max_lines",
        "layers.3.name",
    }


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e300, True, "3", None])
def test_figures_that_are_none_are_refused(number: object) -> None:
    assert "layers.0.x" in problems_of(document({**text_layer("hi"), "x": number}))


def test_card_of_too_many_pixels_is_refused() -> None:
    assert "width" in problems_of({"version": 1, "width": 4000, "height": 4000})


def test_no_more_layers_than_are_allowed() -> None:
    layers = [{**text_layer("hi"), "name": str(number)} for number in range(61)]
    assert "layers" in problems_of(document(*layers))


@given(JSON)
def test_nothing_but_a_layout_error_comes_of_nonsense(nonsense: Any) -> None:
    for candidate in (nonsense, document(nonsense), {**document(), "background": nonsense}):
        with suppress(LayoutError):
            parse(candidate)
