"""SSIM beside its definition, window by window, and beside the whole picture."""

import numpy as np
import pytest
from PIL import Image

from chatboost.core.pictures import Picture
from compression.codec import Options, Output, compress, similarity
from tests.compression import pictures


def mean(plane: np.ndarray) -> np.ndarray:
    """Return the means of all windows, from a table of sums."""
    table = np.pad(plane.astype(float), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    return (table[7:, 7:] - table[:-7, 7:] - table[7:, :-7] + table[:-7, :-7]) / 49


def defined(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean SSIM of all windows of 7 by 7, as scikit-image's `structural_similarity` has it.

    Its defaults: uniform windows, sample covariance, K1 = 0.01, K2 = 0.03, only windows within the picture.
    """
    means = [mean(plane) for plane in (one, other)]
    variances = [(mean(plane.astype(float) ** 2) - mean(plane) ** 2) * 49 / 48 for plane in (one, other)]
    covariance = (mean(one.astype(float) * other) - means[0] * means[1]) * 49 / 48
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    above = (2 * means[0] * means[1] + c1) * (2 * covariance + c2)
    below = (means[0] ** 2 + means[1] ** 2 + c1) * (variances[0] + variances[1] + c2)
    return float((above / below).mean())


def grey(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("L"))


@pytest.mark.parametrize("quality", [5, 20, 50, 80, 95])
def test_ssim_agrees_with_its_definition(quality: int) -> None:
    image = pictures.photo(400, 300)
    one, other = grey(image), grey(pictures.opened(pictures.saved(image, "JPEG", quality=quality)))
    assert similarity.ssim(one, other) == pytest.approx(defined(one, other), abs=0.003)


@pytest.mark.parametrize("output", [Output.SAME, Output.WEBP])
@pytest.mark.parametrize("quality", [10, 50, 85])
def test_sample_of_a_large_picture_agrees_with_all_of_it(quality: int, output: Output) -> None:
    image = pictures.photo(900, 700)
    content = pictures.saved(image, "JPEG", quality=97)
    done = compress(content, Options(quality=quality, output=output))
    exact = defined(grey(pictures.opened(content)), grey(pictures.opened(done.content)))
    assert done.similarity == pytest.approx(exact, abs=0.015)


def test_same_pictures_are_one_and_the_same() -> None:
    plane = grey(pictures.photo())
    assert similarity.ssim(plane, plane) == pytest.approx(1)
    assert similarity.ssim(plane, 255 - plane) < 0.3


def test_tiles_come_from_all_over_the_picture_and_from_the_same_places() -> None:
    image = pictures.photo(1000, 800)
    array = np.asarray(image)
    for grid in (similarity.LOOK, similarity.MEASURE):
        sample = similarity.Sample(Picture(array=array), grid)
        assert not sample.is_whole
        assert np.array_equal(sample.mosaic, sample.cut(Picture(image=image)))
        assert np.abs(sample.mosaic.mean((0, 1)) - array.mean((0, 1))).max() < 6


def test_small_picture_is_looked_at_as_a_whole() -> None:
    sample = similarity.Sample(Picture(image=pictures.photo(40, 40)), similarity.LOOK)
    assert sample.is_whole
    assert sample.mosaic.shape == (40, 40, 3)


def test_what_is_transparent_does_not_count() -> None:
    image = pictures.photo().convert("RGBA")
    image.putalpha(0)
    other = Image.new("RGBA", image.size, (0, 0, 0, 0))
    planes = [similarity.luma(np.asarray(each)) for each in (image, other)]
    assert similarity.ssim(*planes) == pytest.approx(1)
