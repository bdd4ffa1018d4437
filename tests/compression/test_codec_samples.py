"""The sample pictures end as their list says, in every mode and for every output."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from compression.codec import Limits, Mode, Options, Output, PictureError, Pool
from tests.compression import pictures

SAMPLES = Path(__file__).resolve().parents[2].parent / "shared" / "samples" / "images"
MANIFEST = SAMPLES / "manifest.csv"
ROWS = list(csv.DictReader(MANIFEST.open())) if MANIFEST.exists() else []
CODES = {
    "giant-image.jpg": "too_many_pixels",
    "decompression_bomb.gif": "too_many_pixels",
    "hopper.tif": "unsupported_format",
}
LARGE = 60_000
WISHES = [
    Options(mode=mode, output=output, limits=Limits(wall_seconds=60)) for mode in Mode for output in Output
]


def is_quick(row: dict[str, str], options: Options) -> bool:
    """WebP of a large picture takes seconds, and others show the same: those are for `PROOF=full`."""
    is_webp = options.output is not Output.SAME or (row["format"] == "WEBP" and options.mode is Mode.BYTES)
    return not is_webp or (SAMPLES / row["file"]).stat().st_size <= LARGE or row["file"] in CODES


CASES = [
    pytest.param(row, options, id=f"{row['file']}-{options.mode}-{options.output}")
    for row in ROWS
    for options in WISHES
    if os.environ.get("PROOF") == "full" or is_quick(row, options)
]

pytestmark = pytest.mark.skipif(not ROWS, reason="needs the sample pictures beside the checkout")


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(1) as pool:
        yield pool


@pytest.mark.parametrize(("row", "options"), CASES)
def test_sample_ends_as_expected(pool: Pool, row: dict[str, str], options: Options) -> None:
    content = (SAMPLES / row["file"]).read_bytes()
    if row["expected"].startswith("error") or row["file"] in CODES:
        with pytest.raises(PictureError) as caught:
            pool.compress(content, options)
        assert caught.value.code == CODES.get(row["file"], "damaged")
        return
    done = pool.compress(content, options)
    turned = int(row["exif_orientation"] or 1) >= 5
    size = (int(row["stored_width"]), int(row["stored_height"]))
    shown = size[::-1] if turned else size
    image = pictures.opened(done.content)
    assert image.size == (done.width, done.height)
    assert image.size == tuple(round(side * done.scale) for side in shown)
    assert len(done.content) <= len(content)
    if options.mode is Mode.BYTES and not done.is_over_limit:
        assert len(done.content) * 100 <= len(content) * options.percent
    assert done.is_over_limit == (row["file"] == "tRNS_null_1x1.png" and options.mode is Mode.BYTES)
    assert done.similarity >= options.similarity_floor
    assert getattr(image, "n_frames", 1) == int(row["frames"])
    assert not image.getexif()
    assert "keep the transparency" not in row["expected"] or image.has_transparency_data
