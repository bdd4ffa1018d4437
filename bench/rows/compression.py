"""Compression: photographs at quality 50, and to half their bytes, by one core."""

import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from os import environ
from pathlib import Path

from bench import services, timing
from bench.harness import Contender, Figures, Line, Row, Target
from compression import codec

OURS, OURS_HERE, FLOOR = "ChatBoost", "ChatBoost, in process", "decode alone"
PILLOW, OPENCV, SIMPLE = "Pillow", "OpenCV", "simplejpeg"
VIPS, SHARP, TURBO = "pyvips", "sharp", "PyTurboJPEG, YUV"
OURS_BYTES, OURS_BYTES_HERE = "ChatBoost, ≤ 50 %", "ChatBoost, ≤ 50 %, in process"
PILLOW_BISECT, OPTIMISED_BISECT = "Pillow bisect", "Pillow bisect, optimised"
OPENCV_BISECT, SHARP_BISECT = "OpenCV bisect", "sharp bisect"
PEERS = Path(__file__).resolve().parents[1] / "peers"

# What each is called in `bench.peers.compression_codecs`.
ALONE = {
    FLOOR: "decode",
    PILLOW: "pillow",
    OPENCV: "opencv",
    SIMPLE: "simple",
    VIPS: "vips",
    TURBO: "turbo",
    OURS_HERE: "ours",
    PILLOW_BISECT: "pillow_bisect",
    OPTIMISED_BISECT: "pillow_optimised_bisect",
    OPENCV_BISECT: "opencv_bisect",
    OURS_BYTES_HERE: "ours_to_bytes",
}

Compress = Callable[[bytes], bytes]


def row() -> Row:
    """Declare the row. Ours is measured as the product runs it, in a child process, and in this one."""
    from bench.peers import compression_pictures as pictures

    count = len(pictures.samples())
    some = f"{len(pictures.SIZES)} drawn" + (f" and {count} sample" if count else "") + " photographs"
    quality, small = f"Compression at quality 50, {some}", f"Compression to ≤ 50 % of bytes, {some}"
    return Row(
        "compression",
        (
            _line(quality, OURS, (TURBO, SIMPLE, OPENCV, VIPS, PILLOW, SHARP)),
            _line(f"{quality}, in process", OURS_HERE, (TURBO, SIMPLE, OPENCV, VIPS, PILLOW, SHARP)),
            _line(f"{quality}, beside Pillow", OURS, (PILLOW,), 1.6),
            _line(f"{quality}, beside sharp", OURS, (SHARP,), 1.7),
            _line(f"{quality}, beside PyTurboJPEG", OURS, (TURBO,), 0.9),
            _line(small, OURS_BYTES, (PILLOW_BISECT, OPENCV_BISECT, SHARP_BISECT, OPTIMISED_BISECT)),
            _line(f"{small}, in process", OURS_BYTES_HERE, (PILLOW_BISECT, OPENCV_BISECT, SHARP_BISECT)),
            _line(f"{small}, beside Pillow", OURS_BYTES, (PILLOW_BISECT,), 2.0),
            Line(
                job=f"{small}: likeness",
                metric="similarity",
                unit="SSIM",
                ours=OURS_BYTES,
                peers=(PILLOW_BISECT, OPENCV_BISECT, OPTIMISED_BISECT),
                # Within 0.003 of the best.
                targets=(Target("peer", 0.997),),
            ),
        ),
        _contenders,
    )


def _line(job: str, ours: str, peers: tuple[str, ...], ratio: float | None = None) -> Line:
    return Line(
        job=job,
        metric="rate",
        unit="images/s/core",
        ours=ours,
        peers=peers,
        floor=FLOOR,
        targets=() if ratio is None else (Target("peer", ratio),),
    )


@contextmanager
def _contenders() -> Iterator[Sequence[Contender]]:
    from bench.peers import compression_codecs as codecs
    from bench.peers import compression_pictures as drawn

    pictures = drawn.drawn() + drawn.samples()
    quality, small = codec.Options(), codec.Options(mode=codec.Mode.BYTES, similarity_floor=0)
    with codec.Pool(1) as pool, tempfile.TemporaryDirectory(prefix="chatboost-bench-") as folder:
        for number, picture in enumerate(pictures):
            (Path(folder) / f"{number}.jpg").write_bytes(picture)
        alike = {
            PILLOW_BISECT: _check(codecs.pillow_bisect, pictures),
            OPTIMISED_BISECT: _check(codecs.pillow_optimised_bisect, pictures),
            OPENCV_BISECT: _check(codecs.opencv_bisect, pictures),
            OURS_BYTES: _check(lambda content: pool.compress(content, small).content, pictures),
        }
        contenders = [
            Contender(
                name, partial(_alone, peer, folder, {"similarity": alike[name]} if name in alike else {})
            )
            for name, peer in ALONE.items()
            if name != TURBO or codecs.has_turbo()
        ]
        contenders.append(Contender(OURS, partial(_in_child, pool, quality, pictures, {})))
        also = {"similarity": alike[OURS_BYTES]}
        contenders.append(Contender(OURS_BYTES, partial(_in_child, pool, small, pictures, also)))
        if shutil.which("node") and (PEERS / "node_modules" / "sharp").is_dir():
            contenders.append(Contender(SHARP, partial(_sharp, "quality", folder)))
            contenders.append(Contender(SHARP_BISECT, partial(_sharp, "bytes", folder)))
        yield contenders


def _check(compress: Compress, pictures: Sequence[bytes]) -> float:
    """Return the mean likeness; a picture over its limit is no picture."""
    from bench.peers import compression_codecs as codecs

    figures = []
    for picture in pictures:
        made = compress(picture)
        if not made or len(made) * 2 > len(picture):
            raise RuntimeError(f"{len(made)} bytes of {len(picture)}")
        figures.append(codecs.similarity(picture, made))
    return statistics.mean(figures)


def _alone(name: str, folder: str, also: Figures, seconds: float) -> Figures:
    command = (sys.executable, "-m", "bench.peers.compression_codecs", name, str(seconds), folder)
    return {"rate": float(services.run(command, environ)), **also}


def _in_child(
    pool: codec.Pool, options: codec.Options, pictures: Sequence[bytes], also: Figures, seconds: float
) -> Figures:
    def all_pictures() -> None:
        for picture in pictures:
            pool.compress(picture, options)

    return {**timing.core_rate(all_pictures, seconds, items=len(pictures)), **also}


def _sharp(mode: str, folder: str, seconds: float) -> Figures:
    command = ("node", str(PEERS / "compression_sharp.mjs"), mode, str(seconds), folder)
    told = services.run(command, {**environ, "UV_THREADPOOL_SIZE": "1"})
    return {"rate": float(told)}
