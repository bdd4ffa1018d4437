"""Cards: layers above each other, values filled in, nothing left of the card before."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageChops

from chatboost.core.pictures import PictureError
from invitations.rendering import Box, Card, CardRequest, avatars, cards, default_document
from tests.compression import pictures
from tests.invitations.rendering.portraits import (
    FACE,
    VALUES,
    cut_out,
    document,
    jpeg,
    portrait,
    render,
    text_layer,
)

PLACE = {"x": 40, "y": 30, "width": 200, "height": 200}
PHOTO = {"type": "photo", **PLACE}
RED = {"type": "rectangle", "x": 100, "y": 90, "width": 80, "height": 80, "color": "#ff0000"}


def shown(card: Card) -> Image.Image:
    image = pictures.opened(card.content)
    assert image.size == (card.width, card.height)
    return image.convert("RGB")


def png(*layers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return document(*layers, format="png", **more)


def pixel(card: Card, x: int, y: int) -> tuple[int, ...]:
    return shown(card).getpixel((x, y))


def test_default_card_has_its_size_and_type() -> None:
    card = render(photo=jpeg(), face=FACE)
    assert (card.width, card.height, card.media_type) == (1600, 2000, "image/jpeg")
    assert card.missing_glyphs == []
    assert card.missing_values == []
    assert [text.name for text in card.texts if not text.is_fitted] == []
    assert [text.lines for text in card.texts if text.name == "name"] == [["Amelia Clarke"]]


def test_texts_of_the_default_card_lie_in_their_layers() -> None:
    layers = {layer["name"]: layer for layer in default_document()["layers"]}
    for text in render().texts:
        layer = layers[text.name]
        assert layer["x"] <= text.box.x
        assert layer["y"] <= text.box.y
        assert text.box.x + text.box.width <= layer["x"] + layer["width"]
        assert text.box.y + text.box.height <= layer["y"] + layer["height"]


@pytest.mark.parametrize("format", ["jpeg", "png"])
def test_card_after_others_is_that_of_a_fresh_template(format: str) -> None:
    layout = {**default_document(), "format": format}
    shelf = cards.Shelf()
    for name in ("A very long name that takes all of the room there is", "علی", ""):
        render(layout, shelf=shelf, photo=jpeg(), values={"contact": {"name": name}, "card_url": name})
    used = render(layout, shelf=shelf, photo=cut_out(), face=FACE)
    assert used == render(layout, photo=cut_out(), face=FACE)


def test_failed_card_leaves_nothing_on_the_next() -> None:
    layout = png(
        PHOTO, text_layer("{{contact.name}}"), {"type": "qr", "x": 400, "y": 20, "size": 30, "text": "{{x}}"}
    )
    shelf = cards.Shelf()
    with pytest.raises(PictureError) as caught:
        render(layout, shelf=shelf, photo=jpeg(), values={**VALUES, "x": "https://example.com/" * 4})
    assert caught.value.code == "qr_too_small"
    assert render(layout, shelf=shelf) == render(layout)


def test_layers_keep_their_order_whether_they_change_or_not() -> None:
    """A still layer above the photo hides it, one below doesn't, and neither does one below what hides it."""
    above = render(png(PHOTO, RED), photo=jpeg())
    below = render(png(RED, PHOTO), photo=jpeg())
    assert pixel(above, 140, 130) == (255, 0, 0)
    assert pixel(below, 140, 130) != (255, 0, 0)
    blue = {**RED, "x": 120, "color": "#0000ff"}
    both = render(png(PHOTO, RED, blue), photo=jpeg())
    assert pixel(both, 110, 130) == (255, 0, 0)
    assert pixel(both, 150, 130) == (0, 0, 255)


def test_half_transparent_layer_above_is_put_on_once() -> None:
    veil = {**RED, "x": 0, "y": 0, "width": 640, "height": 260, "color": "#ff000080"}
    layout = png(
        PHOTO,
        text_layer("{{contact.name}}", width=300),
        veil,
        {**PHOTO, "x": 420, "width": 100, "height": 100},
    )
    shelf = cards.Shelf()
    first, second = (render(layout, shelf=shelf, photo=jpeg()) for _ in range(2))
    assert first == second
    assert pixel(first, 630, 250) == (255, 127, 127)
    # The corner of the photo's box, where the circle leaves it free.
    assert pixel(first, 41, 228) == (255, 127, 127)


def test_layers_that_reach_beyond_the_card_are_cut_off() -> None:
    layout = png(
        {**PHOTO, "x": -100, "y": -100},
        {**text_layer("{{contact.name}} {{contact.name}}"), "x": 500, "y": 200},
        {"type": "qr", "x": 600, "y": -20, "size": 90, "text": "{{card_url}}"},
        {**RED, "x": 635, "y": 255},
        {**RED, "x": 2000, "y": 2000},
        {**PHOTO, "x": 3000, "y": 3000},
    )
    card = render(layout, photo=jpeg())
    assert shown(card).size == (640, 260)
    assert pixel(card, 639, 259) == (255, 0, 0)


@pytest.mark.parametrize(("shape", "is_shown"), [("circle", False), ("rounded", False), ("square", True)])
def test_shape_of_a_photo(shape: str, is_shown: bool) -> None:
    card = render(png({**PHOTO, "shape": shape}, background={"color": "#00ff00"}), photo=jpeg())
    assert (pixel(card, 40, 30) != (0, 255, 0)) == is_shown
    assert pixel(card, 140, 130) != (0, 255, 0)
    assert pixel(card, 39, 130) == (0, 255, 0)
    assert pixel(card, 240, 130) == (0, 255, 0)


def test_edge_of_a_circle_is_soft() -> None:
    layout = png(PHOTO, background={"color": "#000000"})
    card = shown(render(layout, photo=pictures.saved(Image.new("RGB", (300, 300), "white"), "PNG")))
    levels = set(card.getchannel("R").crop((40, 30, 240, 130)).tobytes())
    assert len(levels) > 20


def test_border_leaves_no_seam() -> None:
    """Between a white line and a white photo nothing of a black card shows."""
    layer = {**PHOTO, "border": {"color": "#ffffff", "width": 12}}
    white = pictures.saved(Image.new("RGB", (300, 300), "white"), "PNG")
    card = shown(render(png(layer, background={"color": "#000000"}), photo=white))
    assert min(card.crop((44, 128, 236, 132)).getchannel("R").tobytes()) == 255


def test_transparent_photo_lets_the_card_shine_through_or_its_own_ground() -> None:
    layout = png({**PHOTO, "crop": "whole", "shape": "square"}, background={"color": "#00ff00"})
    assert pixel(render(layout, photo=cut_out()), 45, 35) == (0, 255, 0)
    assert pixel(render(layout, photo=cut_out()), 140, 130) != (0, 255, 0)
    layout["layers"][0]["background"] = "#0000ff"
    assert pixel(render(layout, photo=cut_out()), 45, 35) == (0, 0, 255)
    assert pixel(render(layout, photo=cut_out()), 140, 130) != (0, 0, 255)


def test_crop_by_hand_goes_before_the_face() -> None:
    layout = png({**PHOTO, "shape": "square"})
    by_hand = shown(render(layout, photo=jpeg(), face=FACE, crop=Box(220, 180, 200, 200)))
    expected = portrait().crop((220, 180, 420, 380))
    assert pictures.mean_difference(by_hand.crop((40, 30, 240, 230)), expected) < 4
    by_face = shown(render(layout, photo=jpeg(), face=FACE))
    assert pictures.mean_difference(by_face, by_hand) > 5


def test_photo_fills_a_place_of_another_shape_undistorted() -> None:
    layer = {**PHOTO, "shape": "square", "crop": "whole", "width": 320, "height": 160}
    card = shown(render(png(layer), photo=jpeg())).crop((40, 30, 360, 190))
    expected = portrait().crop((0, 240, 640, 560)).resize((320, 160))
    assert pictures.mean_difference(card, expected) < 4


def test_avatar_shows_initials_in_a_colour_that_stays() -> None:
    one, again = (render(png(PHOTO)) for _ in range(2))
    other = render(png(PHOTO), values={"contact": {"name": "Priya Ramanathan"}})
    assert one == again
    assert pixel(one, 60, 130) != pixel(other, 60, 130)


@pytest.mark.parametrize(
    ("name", "initials"),
    [
        ("Amelia Clarke", "AC"),
        ("amelia mary clarke", "AC"),
        ("Cher", "C"),
        ("محمد علی", "م"),
        ("王小明", "王"),
        ("🎉 Ali", "A"),
        ("🎉✨", ""),
        ("", ""),
        ("élodie Ångström", "ÉÅ"),
        ("ßeta", "SS"),
    ],
)
def test_initials(name: str, initials: str) -> None:
    assert avatars.initials(name) == initials


def test_qr_code_can_be_read() -> None:
    cv2 = pytest.importorskip("cv2")
    for text in (
        "https://example.com/i/4f9c1a52-3a54-4d5e-8a66-0d9c9df5cbe1",
        "0427",
        "علی",
        "https://example.com/?a=4f9&b=" + "c7" * 20,
    ):
        layout = png(
            {"type": "qr", "x": 10, "y": 10, "size": 240, "text": "{{card_url}}", "color": "#1f2a44"}
        )
        card = np.asarray(shown(render(layout, values={"card_url": text})))
        assert cv2.QRCodeDetector().detectAndDecode(np.ascontiguousarray(card))[0] == text


def test_qr_code_of_too_long_a_text_is_refused() -> None:
    layout = png({"type": "qr", "x": 0, "y": 0, "size": 240, "text": "{{card_url}}"})
    with pytest.raises(PictureError) as caught:
        render(layout, values={"card_url": "x" * 4000})
    assert caught.value.code == "qr_too_long"


def test_values_that_are_missing_are_told_once() -> None:
    layout = png(text_layer("{{contact.name}} {{contact.city}} {{contact.city}}"))
    card = render(layout)
    assert card.missing_values == ["contact.city"]
    assert card.texts[0].lines == ["Amelia Clarke"]


def test_still_texts_are_drawn_once_and_reported_on_each_card() -> None:
    shelf = cards.Shelf()
    layout = png(
        {**text_layer("Hello"), "name": "a"}, {**text_layer("{{contact.name}} \U00010940"), "name": "b"}
    )
    for _ in range(2):
        card = render(layout, shelf=shelf)
        assert [text.name for text in card.texts] == ["a", "b"]
        assert card.missing_glyphs == ["\U00010940"]


def test_pictures_of_a_layout() -> None:
    logo = pictures.saved(Image.new("RGBA", (40, 20), (255, 0, 0, 255)), "PNG")
    ground = pictures.saved(Image.new("RGB", (100, 100), (0, 0, 255)), "PNG")
    layout = png(
        {"type": "picture", "picture": "logo", "x": 100, "y": 50, "width": 80, "height": 80},
        background={"picture": "ground"},
    )
    card = render(layout, assets={"logo": logo, "ground": ground})
    assert pixel(card, 140, 90) == (255, 0, 0)
    # It is twice as wide as high: above and below it is nothing.
    assert pixel(card, 140, 60) == (0, 0, 255)
    assert pixel(card, 5, 250) == (0, 0, 255)


@pytest.mark.parametrize(
    ("layout", "assets", "code"),
    [
        (png({"type": "picture", "picture": "logo", **PLACE}), {}, "unknown_picture"),
        (png(background={"picture": "logo"}), {"logo": b"nothing"}, "not_an_image"),
        (png(text_layer("hi", font="mine")), {}, "unknown_font"),
        (png(text_layer("hi", font="mine")), {"mine": b"nothing"}, "not_a_font"),
        ({"version": 1}, {}, "bad_layout"),
    ],
)
def test_layout_that_can_not_be_drawn_is_refused(
    layout: dict[str, Any], assets: dict[str, bytes], code: str
) -> None:
    with pytest.raises(PictureError) as caught:
        render(layout, assets=assets)
    assert caught.value.code == code


def test_shelf_keeps_the_last_templates() -> None:
    shelf = cards.Shelf()
    for key in "abcde":
        request = CardRequest(key=key, document=document(), values={})
        cards.render(request, shelf, cards.Limits())
    assert [key for key in "abcde" if shelf.get(key)] == list("bcde")


def test_card_without_anything_that_changes_is_its_template() -> None:
    for name in ("jpeg", "png"):
        card = render(document(text_layer("Hello"), format=name))
        assert ImageChops.invert(shown(card)).getbbox()
        with Image.open(io.BytesIO(card.content)) as image:
            image.verify()
