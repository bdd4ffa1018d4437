"""Turned as they are to be shown, with the right colours, and alpha that stays alpha."""

import numpy as np
import pytest
from PIL import Image

from compression.codec import Compressed, Mode, Options, Output, compress
from tests.compression import pictures

QUALITY, WEBP = Options(quality=80), Options(quality=80, output=Output.WEBP)


def corners_of(done: Compressed) -> list[tuple[int, ...]]:
    image = pictures.opened(done.content).convert("RGB")
    width, height = image.size
    places = [(width // 4, height // 4), (3 * width // 4, height // 4)]
    places += [(x, 3 * height // 4) for x, _ in places]
    return [image.getpixel(place) for place in places]


def alike(one: tuple[int, ...], other: tuple[int, ...], within: int = 24) -> bool:
    return all(abs(a - b) <= within for a, b in zip(one, other, strict=True))


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


@pytest.mark.parametrize("profile", [b"", pictures.srgb_profile()], ids=["bare", "profile"])
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", STORED)
def test_orientation_is_applied(orientation: int, name: str, profile: bytes) -> None:
    image = pictures.corners()
    turn = STORED[orientation]
    stored = image if turn is None else image.transpose(turn)
    content = pictures.saved(stored, name, exif=pictures.exif(orientation), icc_profile=profile, quality=95)
    done = compress(content, QUALITY)
    assert (done.width, done.height) == (96, 64)
    assert all(map(alike, corners_of(done), pictures.CORNERS))
    assert not pictures.opened(done.content).getexif()


def test_orientation_that_means_nothing_is_ignored() -> None:
    content = pictures.saved(pictures.corners(), "JPEG", exif=pictures.exif(0))
    assert all(map(alike, corners_of(compress(content, QUALITY)), pictures.CORNERS))


def test_turned_picture_that_would_grow_is_encoded_lower() -> None:
    content = pictures.saved(pictures.photo(), "JPEG", quality=20, exif=pictures.exif(6))
    done = compress(content, Options(quality=90))
    assert (done.width, done.height) == (240, 320)
    assert len(done.content) < len(content)
    assert done.quality is not None
    assert done.quality < 90


def test_turned_picture_that_would_be_spoilt_keeps_its_pixels_and_its_turn_alone() -> None:
    content = pictures.saved(pictures.photo(noise=60), "JPEG", quality=3, exif=pictures.exif(6))
    done = compress(content, Options(quality=90, similarity_floor=1))
    assert done.is_kept
    assert (done.width, done.height) == (240, 320)
    assert pictures.SECRET not in done.content
    assert dict(pictures.opened(done.content).getexif()) == {0x0112: 6}


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_profile_is_turned_into_srgb(name: str) -> None:
    content = pictures.saved(pictures.corners(), name, icc_profile=pictures.wide_profile(), quality=95)
    red, green, blue, _ = corners_of(compress(content, QUALITY))
    assert red[2] > 150 > 100 > red[0]
    assert green[1] > 120
    assert blue[0] > 150 > 100 > blue[2]


def test_broken_profile_is_ignored() -> None:
    content = pictures.saved(pictures.corners(), "JPEG", icc_profile=b"nonsense" * 40, quality=95)
    assert all(map(alike, corners_of(compress(content, QUALITY)), pictures.CORNERS))


@pytest.mark.parametrize("options", [QUALITY, WEBP], ids=["same", "webp"])
def test_cmyk_becomes_rgb_whether_inverted_or_not(options: Options) -> None:
    adobe = pictures.saved(pictures.corners().convert("CMYK"), "JPEG", quality=95)
    assert b"Adobe" in adobe
    inverted = Image.fromarray(255 - np.asarray(pictures.corners().convert("CMYK")), "CMYK")
    plain = pictures.saved(inverted, "JPEG", quality=95).replace(
        b"\xff\xee\x00\x0eAdobe", b"\xff\xef\x00\x0eOther"
    )
    for content in (adobe, plain):
        done = compress(content, options)
        assert pictures.opened(done.content).mode == "RGB"
        assert all(map(alike, corners_of(done), pictures.CORNERS))


def test_grey_jpeg_stays_grey() -> None:
    image = pictures.photo().convert("L")
    done = compress(pictures.saved(image, "JPEG", quality=95), QUALITY)
    out = pictures.opened(done.content)
    assert out.mode == "L"
    assert pictures.mean_difference(out, image) < 8


def test_progressive_jpeg_comes_out_like_a_baseline_one() -> None:
    ways = [
        compress(pictures.saved(pictures.photo(), "JPEG", quality=90, progressive=way), QUALITY).content
        for way in (False, True)
    ]
    assert ways[0] == ways[1]


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in ramp)
    grey = pictures.png_of(64, 64, rows, depth=16, colour=0)
    rows = b"".join(b"\0" + np.repeat(row, 3).astype(">u2").tobytes() for row in ramp)
    colour = pictures.png_of(64, 64, rows, depth=16, colour=2)
    for content in (grey, colour):
        out = np.asarray(pictures.opened(compress(content, WEBP).content).convert("L"), float)
        assert np.abs(out - ramp / 257).mean() < 4


def test_sixteen_bits_keep_their_transparent_colour() -> None:
    rows = b"".join(b"\0" + b"\x12\x34" * 32 + b"\xab\xcd" * 32 for _ in range(64))
    content = pictures.png_of(64, 64, rows, depth=16, colour=0, more=pictures.chunk(b"tRNS", b"\x12\x34"))
    out = pictures.opened(compress(content, WEBP).content).convert("RGBA")
    assert out.getpixel((8, 8))[3] == 0
    assert out.getpixel((56, 8))[3] == 255


def transparent(mode: str) -> bytes:
    """Return a PNG whose left half is clear."""
    image = pictures.corners().convert("RGBA")
    image.paste((200, 30, 60, 0), (0, 0, 48, 64))
    if mode == "P":
        few = pictures.photo(96, 64).quantize(8)
        few.paste(7, (0, 0, 48, 64))
        return pictures.saved(few, "PNG", transparency=7)
    if mode == "RGB":
        solid = pictures.corners()
        solid.paste((1, 2, 3), (0, 0, 48, 64))
        return pictures.saved(solid, "PNG", transparency=(1, 2, 3))
    return pictures.saved(image.convert(mode), "PNG")


@pytest.mark.parametrize(
    "options", [QUALITY, WEBP, Options(mode=Mode.BYTES, percent=90)], ids=["same", "webp", "bytes"]
)
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB"])
def test_clear_pixels_stay_clear_and_the_others_solid(mode: str, options: Options) -> None:
    done = compress(transparent(mode), options)
    out = pictures.opened(done.content).convert("RGBA")
    assert out.getpixel((out.width // 4, 8))[3] < 16
    assert out.getpixel((3 * out.width // 4, 8))[3] > 240
    red, green, blue, _ = out.getpixel((3 * out.width // 4, out.height // 4))
    assert max(red, green, blue) > 60


def test_shrunk_picture_has_no_dark_rim_where_it_is_clear() -> None:
    image = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    image.paste((250, 250, 250, 255), (100, 100, 300, 300))
    noise = pictures.photo(160, 160, noise=60).convert("RGBA")
    image.paste(noise, (120, 120, 280, 280))
    options = Options(mode=Mode.BYTES, percent=8, output=Output.WEBP, similarity_floor=0.9)
    out = np.asarray(pictures.opened(compress(pictures.saved(image, "PNG"), options).content).convert("RGBA"))
    seen = out[out[..., 3] > 128]
    assert len(seen)
    rim = out[(out[..., 3] > 40) & (out[..., 3] < 200)]
    assert not len(rim) or rim[:, :3].mean() > 120


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_single_pixel_comes_out(name: str) -> None:
    content = pictures.saved(Image.new("RGB", (1, 1), (200, 30, 30)), name)
    for options in (QUALITY, WEBP, Options(mode=Mode.BYTES)):
        done = compress(content, options)
        assert (done.width, done.height) == (1, 1)
        assert len(done.content) <= len(content)
        assert alike(pictures.opened(done.content).convert("RGB").getpixel((0, 0)), (200, 30, 30))


@pytest.mark.parametrize("size", [(1, 3000), (3000, 1), (7, 900), (33, 31)])
def test_narrow_picture_comes_out(size: tuple[int, int]) -> None:
    for name in ("JPEG", "PNG", "WEBP"):
        done = compress(pictures.saved(pictures.photo(*size), name), QUALITY)
        assert pictures.opened(done.content).size == size


def test_bmp_becomes_a_png() -> None:
    done = compress(pictures.saved(pictures.corners(), "BMP"), QUALITY)
    assert (done.media_type, done.extension) == ("image/png", "png")
    assert pictures.mean_difference(pictures.opened(done.content), pictures.corners()) == 0


def test_png_of_few_colours_loses_nothing() -> None:
    content = pictures.saved(pictures.corners(), "PNG")
    done = compress(content, QUALITY)
    assert pictures.mean_difference(pictures.opened(done.content), pictures.corners()) == 0


def test_png_at_quality_100_loses_nothing() -> None:
    image = pictures.photo()
    done = compress(pictures.saved(image, "PNG", compress_level=1), Options(quality=100))
    assert pictures.mean_difference(pictures.opened(done.content), image) == 0
    assert done.similarity == 1


def test_webp_taller_than_the_format_allows_stays_what_it_was() -> None:
    content = pictures.saved(pictures.photo(20, 16_500), "PNG")
    for output in (Output.WEBP, Output.SMALLER):
        assert compress(content, Options(output=output)).media_type == "image/png"
