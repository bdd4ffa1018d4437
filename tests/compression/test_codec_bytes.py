"""Never larger; in mode `bytes` never over the limit without saying so."""

import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from compression.codec import Limits, Mode, Options, Output, compress
from tests.compression import pictures

NAMES = ("JPEG", "PNG", "WEBP", "GIF", "BMP")


@pytest.mark.parametrize("percent", [80, 50, 20, 12])
@pytest.mark.parametrize("name", NAMES)
def test_limit_is_kept(name: str, percent: int) -> None:
    content = pictures.saved(pictures.photo(160, 120), name, quality=90)
    done = compress(content, Options(mode=Mode.BYTES, percent=percent, similarity_floor=0.5))
    assert not done.is_over_limit
    assert len(done.content) * 100 <= len(content) * percent
    assert done.similarity >= 0.5
    assert pictures.opened(done.content).size == (done.width, done.height)


@pytest.mark.parametrize("percent", [70, 50, 30])
def test_jpeg_uses_what_it_may(percent: int) -> None:
    content = pictures.saved(pictures.photo(1000, 800, noise=2), "JPEG", quality=92)
    done = compress(content, Options(mode=Mode.BYTES, percent=percent, similarity_floor=0))
    assert done.scale == 1
    assert len(done.content) * 100 <= len(content) * percent
    pixels = simplejpeg.decode_jpeg(content, fastupsample=True)
    better = simplejpeg.encode_jpeg(pixels, done.quality + 2, "RGB", "420")
    assert len(better) * 100 > len(content) * percent * 0.97


def test_picture_shrinks_before_it_falls_below_the_floor() -> None:
    content = pictures.saved(pictures.photo(noise=30), "JPEG", quality=85)
    done = compress(content, Options(mode=Mode.BYTES, percent=10, similarity_floor=0.8))
    assert done.scale < 1
    assert done.similarity >= 0.8
    assert len(done.content) <= len(content) // 10
    assert (done.width, done.height) == (round(320 * done.scale), round(240 * done.scale))


def test_limit_that_cannot_be_met_is_told() -> None:
    content = pictures.saved(Image.new("RGB", (1, 1)), "PNG")
    done = compress(content, Options(mode=Mode.BYTES, percent=10))
    assert done.is_over_limit
    assert len(done.content) <= len(content)
    content = pictures.saved(pictures.photo(noise=30), "JPEG", quality=85)
    done = compress(content, Options(mode=Mode.BYTES, percent=1, similarity_floor=0.99))
    assert done.is_over_limit
    assert done.similarity >= 0.99
    assert len(done.content) <= len(content)


def test_smaller_is_the_smaller_of_both() -> None:
    for name in ("JPEG", "PNG"):
        content = pictures.saved(pictures.photo(), name, quality=95)
        each = [compress(content, Options(output=output)) for output in (Output.SAME, Output.WEBP)]
        done = compress(content, Options(output=Output.SMALLER))
        assert len(done.content) == min(len(one.content) for one in each)


def test_quality_is_the_quality() -> None:
    content = pictures.saved(pictures.photo(), "JPEG", quality=98)
    lengths = [len(compress(content, Options(quality=quality)).content) for quality in (10, 30, 50, 70, 90)]
    assert lengths == sorted(lengths)
    theirs = pictures.saved(pictures.opened(content), "JPEG", quality=50)
    assert lengths[2] == pytest.approx(len(theirs), rel=0.02)


@settings(max_examples=40)
@given(
    width=st.integers(1, 90),
    height=st.integers(1, 90),
    name=st.sampled_from(NAMES),
    mode=st.sampled_from(["RGB", "L", "RGBA", "P", "1"]),
    noise=st.sampled_from([0, 8, 80]),
    stored=st.integers(5, 98),
    options=st.builds(
        Options,
        mode=st.sampled_from(Mode),
        output=st.sampled_from(Output),
        quality=st.integers(1, 100),
        percent=st.integers(1, 100),
        similarity_floor=st.sampled_from([0, 0.85, 1]),
    ),
)
def test_result_is_never_larger_nor_silently_over_the_limit(
    width: int, height: int, name: str, mode: str, noise: float, stored: int, options: Options
) -> None:
    image = pictures.photo(width, height, noise=noise)
    if not (name in ("JPEG", "BMP") and mode in ("RGBA", "P")):
        image = image.convert(mode)
    content = pictures.saved(image, name, quality=stored)
    done = compress(content, options)
    assert len(done.content) <= len(content)
    if options.mode is Mode.BYTES and not done.is_over_limit:
        assert len(done.content) * 100 <= len(content) * options.percent
    assert 0 <= done.similarity <= 1
    out = pictures.opened(done.content)
    assert out.size == (done.width, done.height)
    assert Image.MIME[out.format] == done.media_type


def test_options_without_meaning_are_refused() -> None:
    for wrong in ({"quality": 0}, {"quality": 101}, {"percent": 0}, {"similarity_floor": 1.1}):
        with pytest.raises(ValueError, match="go"):
            Options(**wrong)
    assert Options().limits == Limits()
