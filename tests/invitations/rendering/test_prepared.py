"""Prepared pictures are upright, in sRGB, no larger than needed, and tell nothing of where they come from."""

import pytest
from PIL import Image

from chatboost.core.pictures import Limits, PictureError
from invitations.rendering import Card, FaceOptions
from invitations.rendering.pictures import PHOTO_SIDE, prepare_photo, prepare_picture
from tests.compression import pictures
from tests.compression.pictures import SECRET
from tests.compression.test_codec_metadata import gif, jpeg, parts, png, webp
from tests.invitations.rendering import portraits

LIMITS = Limits()


def photo(content: bytes) -> Image.Image:
    return pictures.opened(prepare_photo(content, FaceOptions(), LIMITS).content)


@pytest.mark.parametrize("make", [jpeg, png, webp, gif])
@pytest.mark.parametrize("orientation", [1, 6])
def test_nothing_of_the_metadata_comes_out(make: object, orientation: int) -> None:
    content = make(orientation=orientation) if make is jpeg else make()
    assert SECRET in content
    for done in (prepare_photo(content, FaceOptions(), LIMITS), prepare_picture(content, LIMITS)):
        is_clean(done.content)


def is_clean(content: bytes) -> None:
    assert SECRET not in content
    assert parts(content) <= {b"\xe0"}
    image = pictures.opened(content)
    assert not image.getexif()
    assert {"exif", "xmp", "comment", "icc_profile", "photoshop"}.isdisjoint(image.info)


@pytest.mark.parametrize("name", ["jpeg", "png"])
def test_cards_tell_nothing_of_their_photo(name: str) -> None:
    done = prepare_photo(jpeg(), FaceOptions(), LIMITS)
    for content in (done.content, jpeg()):
        place = {"x": 0, "y": 0, "width": 200, "height": 200}
        layout = portraits.document({"type": "photo", **place}, format=name)
        card: Card = portraits.render(layout, photo=content)
        is_clean(card.content)


def test_photo_is_turned_as_its_camera_says() -> None:
    upright = pictures.saved(pictures.corners(), "PNG")
    turned = pictures.saved(
        pictures.corners().transpose(Image.Transpose.ROTATE_90), "JPEG", quality=95, exif=pictures.exif(6)
    )
    assert photo(turned).size == (96, 64)
    assert pictures.mean_difference(photo(turned), photo(upright)) < 8


def test_colours_are_those_that_the_profile_means() -> None:
    """The profile swaps red and blue."""
    content = pictures.saved(
        Image.new("RGB", (64, 64), (220, 30, 30)), "PNG", icc_profile=pictures.wide_profile()
    )
    red, _, blue = photo(content).getpixel((30, 30))
    assert blue > red


def test_large_photo_is_made_smaller_and_faces_with_it() -> None:
    done = prepare_photo(pictures.saved(pictures.photo(2400, 1200), "JPEG"), FaceOptions(), LIMITS)
    assert (done.width, done.height) == (PHOTO_SIDE, PHOTO_SIDE // 2)
    assert pictures.opened(done.content).size == (done.width, done.height)


def test_transparency_stays_where_there_is_some() -> None:
    done = prepare_photo(portraits.cut_out(), FaceOptions(), LIMITS)
    assert done.media_type == "image/png"
    assert pictures.opened(done.content).getchannel("A").getextrema() == (0, 255)
    opaque = pictures.saved(pictures.photo().convert("RGBA"), "PNG")
    assert prepare_photo(opaque, FaceOptions(), LIMITS).media_type == "image/jpeg"
    assert prepare_picture(portraits.cut_out(), LIMITS).media_type == "image/png"


@pytest.mark.parametrize(
    "image",
    [
        Image.new("1", (40, 30), 1),
        Image.new("L", (40, 30), 120),
        Image.new("P", (40, 30), 3),
        Image.new("CMYK", (40, 30), (10, 80, 60, 0)),
        Image.new("I;16", (40, 30), 30_000),
    ],
    ids=lambda image: image.mode,
)
def test_every_kind_of_pixels_becomes_rgb(image: Image.Image) -> None:
    content = pictures.saved(image, "JPEG" if image.mode == "CMYK" else "PNG")
    assert photo(content).mode == "RGB"
    assert photo(content).size == (40, 30)


def test_file_of_too_many_bytes_is_refused_unseen() -> None:
    with pytest.raises(PictureError) as caught:
        prepare_picture(pictures.saved(pictures.photo(), "PNG"), Limits(max_bytes=1000))
    assert caught.value.code == "too_large"
