"""The compression row's codecs: JPEG in, JPEG out, one thread each.

`python -m bench.peers.compression_codecs NAME SECONDS FOLDER` prints how many images a second one of them
does with a core. Each has a process of its own: what one leaves in the heap would make the next one faster.
"""

import importlib.util
import io
import os
import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

os.environ["VIPS_CONCURRENCY"] = "1"

import numpy as np
from PIL import Image

from bench import timing

QUALITY, PERCENT = 50, 50
Codec = Callable[[bytes], bytes]


def decode(content: bytes) -> bytes:
    """The floor: decode, and do nothing."""
    import simplejpeg

    return memoryview(simplejpeg.decode_jpeg(content, "RGB", fastupsample=True)).tobytes()[:0]


def pillow(content: bytes) -> bytes:
    """Pillow, as its documentation shows it."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(content)).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def opencv(content: bytes) -> bytes:
    """OpenCV, which turns pictures unless told otherwise."""
    cv2 = _cv2()

    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def simple(content: bytes) -> bytes:
    """simplejpeg, through RGB."""
    import simplejpeg

    return simplejpeg.encode_jpeg(simplejpeg.decode_jpeg(content), QUALITY, "RGB", "420")


def vips(content: bytes) -> bytes:
    """libvips, in a stream."""
    import pyvips

    pyvips.cache_set_max(0)

    image = pyvips.Image.new_from_buffer(content, "", access="sequential")
    return image.jpegsave_buffer(Q=QUALITY, keep="none")


def has_turbo() -> bool:
    """Whether the library that PyTurboJPEG needs is there."""
    return bool(_turbo_libraries())


def turbo() -> Codec:
    """PyTurboJPEG on the planes: neither colours nor chroma's resolution are converted."""
    libraries = _turbo_libraries()
    folder = libraries[0].parents[1]
    module = SourceFileLoader("pyturbojpeg", str(folder / "turbojpeg.py")).load_module()
    codec = module.TurboJPEG(str(libraries[0]))

    def compress(content: bytes) -> bytes:
        width, height, subsampling, _ = codec.decode_header(content)
        planes, _ = codec.decode_to_yuv(content)
        return codec.encode_from_yuv(planes, height, width, quality=QUALITY, jpeg_subsample=subsampling)

    return compress


def pillow_bisect(content: bytes) -> bytes:
    """Decode once, then look for the best quality that fits."""
    image = Image.open(io.BytesIO(content))
    image.load()

    def encode(quality: int) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        return buffer.getvalue()

    return _bisect(encode, len(content) * PERCENT // 100)


def pillow_optimised_bisect(content: bytes) -> bytes:
    """The same with Huffman tables of its own: slower, and better at equal bytes."""
    image = Image.open(io.BytesIO(content))
    image.load()

    def encode(quality: int) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality, optimize=True)
        return buffer.getvalue()

    return _bisect(encode, len(content) * PERCENT // 100)


def opencv_bisect(content: bytes) -> bytes:
    """OpenCV, searched in the same way."""
    cv2 = _cv2()

    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return _bisect(
        lambda quality: cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes(),
        len(content) * PERCENT // 100,
    )


def similarity(before: bytes, after: bytes) -> float:
    """Return the SSIM of all windows of 7 by 7 pixels of luma, as scikit-image has it by default."""
    import cv2
    import simplejpeg

    planes = [
        simplejpeg.decode_jpeg(content, "GRAY")[:, :, 0].astype(np.float64) for content in (before, after)
    ]

    def mean(plane: np.ndarray) -> np.ndarray:
        return cv2.blur(plane, (7, 7))[3:-3, 3:-3]

    one, other = (mean(plane) for plane in planes)
    fair = 49 / 48
    variances = [
        (mean(plane * plane) - average**2) * fair for plane, average in zip(planes, (one, other), strict=True)
    ]
    covariance = (mean(planes[0] * planes[1]) - one * other) * fair
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    above = (2 * one * other + c1) * (2 * covariance + c2)
    return float((above / ((one**2 + other**2 + c1) * (sum(variances) + c2))).mean())


def _bisect(encode: Callable[[int], bytes], limit: int) -> bytes:
    low, high, best = 1, 95, b""
    while low <= high:
        middle = (low + high) // 2
        made = encode(middle)
        if len(made) <= limit:
            low, best = middle + 1, made
        else:
            high = middle - 1
    return best


def ours(content: bytes) -> bytes:
    """Our codec, without a child process."""
    from compression import codec

    return codec.compress(content, codec.Options()).content


def ours_to_bytes(content: bytes) -> bytes:
    """Our codec, without a child process, to half the bytes."""
    from compression import codec

    return codec.compress(content, codec.Options(mode=codec.Mode.BYTES, similarity_floor=0)).content


def _cv2() -> Any:
    import cv2

    cv2.setNumThreads(1)
    return cv2


def _turbo_libraries() -> list[Path]:
    """Find libturbojpeg in the wheel that brings it, whose own module has PyTurboJPEG's name."""
    found = importlib.util.find_spec("turbojpeg")
    if found is None or found.origin is None:
        return []
    return sorted((Path(found.origin).parent / "turbojpeg.libs").glob("libturbojpeg*"))


def main(name: str, seconds: float, folder: Path) -> None:
    """Measure one of them, after a round that doesn't count."""
    compress: Codec = turbo() if name == "turbo" else globals()[name]
    pictures = [path.read_bytes() for path in sorted(folder.iterdir())]

    def all_pictures() -> None:
        for picture in pictures:
            compress(picture)

    all_pictures()
    print(timing.core_rate(all_pictures, seconds, items=len(pictures))["rate"])


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]))
