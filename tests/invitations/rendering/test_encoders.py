"""What is put together of old and new pieces shows the same as what is encoded anew."""

import io
import struct
import zlib

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from invitations.rendering import Box
from invitations.rendering.jpegs import Jpeg, fill_padding, padded, tile_width
from invitations.rendering.pngs import Png, _joined
from tests.compression import pictures

SIZES = [(320, 240), (333, 219), (16, 16), (17, 1), (1, 17), (656, 100), (250, 33)]


def changed(image: Image.Image, boxes: list[Box], seed: int = 2) -> Image.Image:
    other = pictures.photo(max(image.width, 4), max(image.height, 4), seed=seed)
    result = image.copy()
    for box in boxes:
        area = (box.x, box.y, box.x + box.width, box.y + box.height)
        result.paste(other.crop(area), area[:2])
    return result.crop((0, 0, *image.size))


def laid_out(image: Image.Image) -> Image.Image:
    canvas = Image.new("RGB", padded(*image.size))
    canvas.paste(image)
    fill_padding(canvas, *image.size)
    return canvas


def fully(image: Image.Image, quality: int) -> bytes:
    """Encode all of a picture at once, without restart markers; it says its own size, as a spliced one."""
    content = pictures.saved(laid_out(image), "JPEG", quality=quality, subsampling="4:2:0")
    at = content.index(b"\xff\xc0") + 5
    return content[:at] + struct.pack(">HH", image.height, image.width) + content[at + 4 :]


def boxes_in(width: int, height: int) -> st.SearchStrategy[list[Box]]:
    def box(draw: st.DrawFn) -> Box:
        x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
        return Box(x, y, draw(st.integers(1, width - x)), draw(st.integers(1, height - y)))

    return st.lists(st.composite(box)(), max_size=4)


@settings(max_examples=80)
@given(st.data(), st.sampled_from(SIZES), st.sampled_from([30, 75, 90, 100]))
def test_spliced_jpeg_decodes_to_the_pixels_of_a_full_one(
    data: st.DataObject, size: tuple[int, int], quality: int
) -> None:
    before = pictures.photo(max(size[0], 4), max(size[1], 4)).crop((0, 0, *size))
    boxes = data.draw(boxes_in(*size))
    after = changed(before, boxes)
    file = Jpeg(laid_out(before), size, quality)
    spliced = file.spliced(laid_out(after), boxes)
    expected = np.asarray(pictures.opened(fully(after, quality)))
    assert np.array_equal(np.asarray(pictures.opened(spliced)), expected)
    assert np.array_equal(simplejpeg.decode_jpeg(spliced), simplejpeg.decode_jpeg(fully(after, quality)))
    assert np.array_equal(
        np.asarray(pictures.opened(file.content)), np.asarray(pictures.opened(fully(before, quality)))
    )


@settings(max_examples=60)
@given(st.data(), st.sampled_from(SIZES))
def test_spliced_png_has_the_pixels_exactly(data: st.DataObject, size: tuple[int, int]) -> None:
    before = pictures.photo(max(size[0], 4), max(size[1], 4)).crop((0, 0, *size))
    boxes = data.draw(boxes_in(*size))
    after = changed(before, boxes)
    file = Png(before, boxes)
    assert np.array_equal(np.asarray(pictures.opened(file.spliced(after))), np.asarray(after))
    assert np.array_equal(np.asarray(pictures.opened(file.content)), np.asarray(before))


def test_card_in_whole_blocks_decodes_as_what_pillow_writes() -> None:
    image = pictures.photo(320, 240)
    file = Jpeg(image, image.size, 90)
    plain = pictures.saved(image, "JPEG", quality=90, subsampling="4:2:0")
    assert np.array_equal(np.asarray(pictures.opened(file.content)), np.asarray(pictures.opened(plain)))


def test_spliced_files_are_sound_to_strict_readers() -> None:
    cv2 = pytest.importorskip("cv2")
    image = pictures.photo()
    boxes = [Box(30, 40, 100, 60)]
    after = changed(image, boxes)
    jpeg = Jpeg(laid_out(image), image.size, 90).spliced(laid_out(after), boxes)
    # libjpeg-turbo through simplejpeg refuses what only warns elsewhere.
    assert simplejpeg.decode_jpeg(jpeg, strict=True).shape == (240, 320, 3)
    png = Png(image, boxes).spliced(after)
    shown = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(shown[:, :, ::-1], np.asarray(after))
    with Image.open(io.BytesIO(png)) as opened:
        opened.verify()


def test_jpeg_with_restart_markers_is_hardly_larger() -> None:
    image = pictures.photo(800, 640)
    assert len(Jpeg(laid_out(image), image.size, 90).content) < 1.06 * len(fully(image, 90))


@pytest.mark.parametrize(
    ("across", "wide"), [(100, 10), (68, 4), (67, 1), (1, 1), (7, 7), (40, 10), (13, 13)]
)
def test_tiles_are_about_ten_wide_and_fill_the_row(across: int, wide: int) -> None:
    assert tile_width(across) == wide


@given(st.binary(max_size=3000), st.binary(max_size=3000))
def test_checksum_of_two_stretches_is_that_of_both(one: bytes, other: bytes) -> None:
    joined = _joined(zlib.adler32(one), zlib.adler32(other), len(other))
    assert joined == zlib.adler32(one + other)
