"""Told by their bytes, decoded upright, in sRGB, within limits, and not a word but a `PictureError`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from chatboost.core.pictures import Limits, PictureError, decode, headers, sniff, stripping
from tests.compression import pictures

LIMITS = Limits()
NAMES = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
VALID = {name: pictures.saved(pictures.photo(64, 48), name) for name in NAMES}
VALID |= {f"{name} animation": pictures.animation(name) for name in ("GIF", "WEBP", "PNG")}
VALID["progressive"] = pictures.saved(pictures.photo(64, 48), "JPEG", progressive=True)
VALID["turned"] = pictures.saved(
    pictures.photo(64, 48), "JPEG", exif=pictures.exif(6), icc_profile=pictures.wide_profile()
)

# What is stored so that, turned by the tag, the corners stand where they belong.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def code_of(content: bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(PictureError) as caught:
        decode(content, limits)
    return caught.value.code


def ending(content: bytes) -> str:
    try:
        decode(content, Limits(max_pixels=1_000_000))
    except PictureError as error:
        return error.code
    return "ok"


@given(st.binary(max_size=64))
def test_sniffing_never_fails(content: bytes) -> None:
    sniff(content)
    for start in (b"RIFF....WEBP", b"....ftyp", b"BM", b"<svg"):
        sniff(start + content)


def test_names_are_not_asked() -> None:
    for name in NAMES:
        assert sniff(VALID[name]) == Image.MIME[name]


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", STORED)
def test_picture_is_decoded_upright(orientation: int, name: str) -> None:
    image, turn = pictures.corners(), STORED[orientation]
    stored = image if turn is None else image.transpose(turn)
    picture = decode(pictures.saved(stored, name, exif=pictures.exif(orientation), quality=95), LIMITS)
    assert picture.size == (96, 64)
    assert not picture.has_alpha
    assert picture.array.shape == (64, 96, 3)
    assert pictures.mean_difference(picture.image, image) < 8


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_profile_is_turned_into_srgb(name: str) -> None:
    content = pictures.saved(pictures.corners(), name, icc_profile=pictures.wide_profile(), quality=95)
    red = decode(content, LIMITS).image.getpixel((24, 16))
    assert red[2] > 150 > 100 > red[0]


@pytest.mark.parametrize(
    ("mode", "decoded"),
    [("1", "L"), ("L", "L"), ("LA", "LA"), ("P", "RGB"), ("RGB", "RGB"), ("RGBA", "RGBA"), ("I;16", "L")],
)
def test_picture_has_eight_bits_whatever_it_had(mode: str, decoded: str) -> None:
    picture = decode(pictures.saved(pictures.photo(64, 48).convert("L").convert(mode), "PNG"), LIMITS)
    assert picture.image.mode == decoded
    assert picture.has_alpha == ("A" in decoded)
    assert not picture.image.info


def test_animation_is_its_first_frame() -> None:
    for name in ("GIF", "WEBP", "PNG"):
        picture = decode(pictures.animation(name), LIMITS)
        assert picture.size == (48, 48)
        assert picture.image.convert("RGB").getpixel((6, 14))[0] > 200


def test_pictures_of_one_thread_stay_as_they_are() -> None:
    images = [pictures.photo(64, 48, seed=seed) for seed in range(3)]
    decoded = [decode(pictures.saved(image, "JPEG", quality=95), LIMITS) for image in images]
    for picture, image in zip(decoded, images, strict=True):
        assert pictures.mean_difference(picture.image, image) < 8
        assert np.array_equal(picture.array, np.asarray(picture.image))


def test_limits_are_the_callers() -> None:
    content = VALID["JPEG"]
    assert decode(content, Limits(max_pixels=64 * 48)).size == (64, 48)
    assert code_of(content, Limits(max_pixels=64 * 48 - 1)) == "too_many_pixels"
    assert code_of(content, Limits(max_bytes=len(content) - 1)) == "too_large"
    assert code_of(VALID["GIF animation"], Limits(max_frames=5)) == "too_many_frames"


def test_what_is_no_picture_is_told_by_its_code() -> None:
    assert code_of(b"Dear Sir or Madam") == "not_an_image"
    assert code_of(b"%PDF-1.7\n") == "unsupported_format"
    for name in NAMES:
        assert code_of(VALID[name][: len(VALID[name]) // 2]) == "damaged"


@settings(max_examples=100)
@given(
    name=st.sampled_from(sorted(VALID)),
    changes=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=6)), max_size=8
    ),
    cut=st.floats(0.2, 1),
)
def test_mutated_file_ends_well(name: str, changes: list[tuple[float, bytes]], cut: float) -> None:
    content = bytearray(VALID[name])
    for where, what in changes:
        at = int(where * len(content))
        content[at : at + len(what)] = what
    assert ending(bytes(content[: int(cut * len(content))])) != "crashed"


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_stripped_file_shows_the_same_and_tells_nothing(name: str) -> None:
    content = pictures.saved(pictures.photo(64, 48), name, exif=pictures.exif(), quality=60)
    assert pictures.SECRET in content
    stripped = stripping.strip(content, headers.read(content, LIMITS))
    assert pictures.SECRET not in stripped
    assert pictures.mean_difference(pictures.opened(stripped), pictures.opened(content)) == 0
