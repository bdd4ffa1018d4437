"""Compressing in child processes: the same as here, and bounded."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from compression.codec import Limits, Mode, Options, Output, PictureError, Pool, children, compress
from tests.compression import pictures
from tests.core import processes

ROOT = Path(__file__).resolve().parents[2]
SMALL = pictures.saved(pictures.photo(96, 64), "JPEG", quality=95)
# Takes a child seconds.
SLOW = pictures.saved(pictures.photo(2600, 2000, noise=20), "JPEG", quality=90)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool(1) as pool:
        pool.compress(SMALL, Options())
        yield pool
    assert not processes.children(children.SERVICE)


def code_of(pool: Pool, content: bytes, options: Options) -> str:
    with pytest.raises(PictureError) as caught:
        pool.compress(content, options)
    return caught.value.code


def test_child_does_what_this_process_would(pool: Pool) -> None:
    for options in (Options(), Options(mode=Mode.BYTES, percent=40), Options(output=Output.SMALLER)):
        assert pool.compress(SMALL, options) == compress(SMALL, options)


def test_error_of_a_picture_keeps_the_child(pool: Pool) -> None:
    before = processes.children(children.SERVICE)
    assert code_of(pool, SMALL[:-400], Options()) == "damaged"
    assert code_of(pool, b"", Options()) == "not_an_image"
    assert processes.children(children.SERVICE) == before


def test_processors_time_is_bounded(pool: Pool) -> None:
    limits = Limits(cpu_seconds=0.2, wall_seconds=60)
    options = Options(mode=Mode.BYTES, percent=3, output=Output.WEBP, similarity_floor=0.9, limits=limits)
    assert code_of(pool, SLOW, options) == "took_too_long"
    # The next picture has all of its time.
    assert pool.compress(SMALL, Options()).width == 96


def test_memory_is_bounded(pool: Pool) -> None:
    assert code_of(pool, SLOW, Options(limits=Limits(memory_bytes=8 * 1024 * 1024))) == "out_of_memory"
    assert pool.compress(SMALL, Options()).width == 96


def test_closed_pool_is_refused() -> None:
    with Pool(1) as pool:
        pass
    with pytest.raises(ValueError, match="closed"):
        pool.compress(SMALL, Options())


def test_importing_the_codec_loads_no_library() -> None:
    script = (
        "import sys, compression.codec\n"
        "heavy = {'PIL', 'numpy', 'simplejpeg', 'django'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or None)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
