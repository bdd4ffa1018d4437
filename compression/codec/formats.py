"""Still pictures into bytes: JPEG, WebP, PNG, GIF. What is written never carries metadata.

Each format has steps, ascending in bytes and in likeness: qualities for JPEG and WebP, numbers of colours for
PNG and GIF.
"""

import io
from abc import ABC, abstractmethod
from bisect import bisect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from chatboost.core.pictures import Picture, sniffing
from compression.codec import palettes, similarity
from compression.codec.similarity import Sample

if TYPE_CHECKING:
    from PIL.Image import Image

QUALITIES = range(5, 96)
COLOURS = (16, 32, 64, 128, palettes.MOST)
LOSSLESS = palettes.MOST + 1
# From here on chroma keeps its full resolution.
FINE = 90
# libwebp's limit.
WEBP_SIDE = 16_383
# What looks for a palette takes seconds beyond, and photographs of that size win little by it.
PALETTE_PIXELS = 6_000_000
CHEAP_PIXELS = 500_000
# Beyond, WebP's usual effort takes seconds.
LARGE_PIXELS = 8_000_000
_JPEG_HEAD = 400


Subject = TypeVar("Subject")


class Format(ABC, Generic[Subject]):
    """How a subject, a picture or an animation, is written in a format."""

    media_type: str

    @abstractmethod
    def steps(self, subject: Subject) -> Sequence[int]:
        """Return what `encode` may be asked for, ascending."""

    @abstractmethod
    def step_of(self, subject: Subject, quality: int) -> Sequence[int]:
        """Return the steps that are tried for a quality; the smallest that is like enough is taken."""

    @abstractmethod
    def encode(self, subject: Subject, step: int, *, is_thorough: bool = False) -> bytes:
        """Write it; thoroughly, in fewer bytes, where that takes longer."""

    def quality(self, step: int) -> int | None:
        """Return the step as a quality, for formats that have it."""
        return step

    @abstractmethod
    def estimate(self, subject: Subject, sample: Sample, step: int) -> float:
        """Return about how many bytes it would take, at a fraction of an encode's cost."""

    def refine(self, subject: Subject, sample: Sample, step: int) -> float:
        """Return a better estimate, for the step that the others led to."""
        return self.estimate(subject, sample, step)

    def worthwhile(self, subject: Subject, sample: Sample, floor: float) -> Sequence[int]:
        """Return the steps without those that are known to spoil it."""
        return self.steps(subject)

    def likeness(self, sample: Sample, content: bytes, step: int) -> float:
        """Return the SSIM of what was written with what it was written from."""
        return sample.compare(similarity.luma(sample.cut(Picture(image=opened(content)))))


class Jpeg(Format[Picture]):
    """JPEG by libjpeg-turbo: fast through simplejpeg, or thorough, with Huffman tables of its own."""

    media_type = sniffing.JPEG

    def steps(self, subject: Picture) -> Sequence[int]:
        """Return qualities."""
        return QUALITIES

    def step_of(self, subject: Picture, quality: int) -> Sequence[int]:
        """Return the quality itself."""
        return (quality,)

    def encode(self, subject: Picture, step: int, *, is_thorough: bool = False) -> bytes:
        """Write a subject."""
        if not (is_thorough and self._is_cheap(subject)):
            return self._quickly(subject.array, step)
        subsampling = "4:4:4" if step >= FINE else "4:2:0"
        return _saved(subject.image, "JPEG", quality=step, optimize=True, subsampling=subsampling)

    def estimate(self, subject: Picture, sample: Sample, step: int) -> float:
        """Write the tiles alone: a block costs about the same among other neighbours."""
        return _whole(self._quickly(sample.mosaic, step), sample)

    def refine(self, subject: Picture, sample: Sample, step: int) -> float:
        """Write the tiles as thoroughly as the picture will be."""
        if not self._is_cheap(subject):
            return self.estimate(subject, sample, step)
        return _whole(self.encode(sample.tiles, step, is_thorough=True), sample)

    def likeness(self, sample: Sample, content: bytes, step: int) -> float:
        """Look at the tiles alone: a block looks the same among other neighbours."""
        import simplejpeg

        tiles = self._quickly(sample.mosaic, step)
        space = "GRAY" if sample.mosaic.shape[2] == 1 else "RGB"
        return sample.compare(similarity.luma(simplejpeg.decode_jpeg(tiles, space)))

    def _is_cheap(self, subject: Picture) -> bool:
        """Tell whether to be thorough: it doubles an encode's time for 5 % of the bytes, or 0.001 of SSIM."""
        width, height = subject.size
        return width * height <= CHEAP_PIXELS

    def _quickly(self, array: Any, step: int) -> bytes:
        import numpy as np
        import simplejpeg

        space = "GRAY" if array.shape[2] == 1 else "RGB"
        subsampling = "444" if step >= FINE else "420"
        done: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(array), step, space, subsampling)
        return done


class Webp(Format[Picture]):
    """Lossy WebP by libwebp."""

    media_type = sniffing.WEBP

    def steps(self, subject: Picture) -> Sequence[int]:
        """Return qualities."""
        return QUALITIES

    def step_of(self, subject: Picture, quality: int) -> Sequence[int]:
        """Return the quality itself."""
        return (quality,)

    def encode(self, subject: Picture, step: int, *, is_thorough: bool = False) -> bytes:
        """Write a subject."""
        width, height = subject.size
        method = 4 if width * height <= LARGE_PIXELS else 1
        return _saved(subject.image, "WEBP", quality=step, method=method)

    def estimate(self, subject: Picture, sample: Sample, step: int) -> float:
        """Write the tiles alone."""
        return len(self.encode(sample.tiles, step)) / sample.share

    def likeness(self, sample: Sample, content: bytes, step: int) -> float:
        """Look at the tiles alone if the picture is large: decoded, it would be in memory twice."""
        if sample.size[0] * sample.size[1] <= LARGE_PIXELS:
            return super().likeness(sample, content, step)
        tiles = opened(self.encode(sample.tiles, step))
        return sample.compare(similarity.luma(Picture(image=tiles).array))


class Paletted(Format[Picture]):
    """What the formats share that have colours for steps."""

    def estimate(self, subject: Picture, sample: Sample, step: int) -> float:
        """Write the tiles alone."""
        return len(self.encode(sample.tiles, step)) / sample.share

    def worthwhile(self, subject: Picture, sample: Sample, floor: float) -> Sequence[int]:
        """Try the palettes on the tiles."""
        steps = self.steps(subject)
        first = bisect(steps, False, key=lambda step: self._is_alike(sample, step, floor))
        return steps[first:]

    def _is_alike(self, sample: Sample, step: int, floor: float) -> bool:
        """Tell whether so many colours are enough."""
        if step > palettes.MOST:
            return True
        few = palettes.few(sample.tiles.image, step).convert("RGBA" if sample.tiles.has_alpha else "RGB")
        return sample.compare(similarity.luma(Picture(image=few).array)) >= floor

    def quality(self, step: int) -> int | None:
        """Return None: there is none."""
        return None


class Png(Paletted):
    """PNG: without loss, or with fewer colours."""

    media_type = sniffing.PNG

    def steps(self, subject: Picture) -> Sequence[int]:
        """Return numbers of colours, and `LOSSLESS`."""
        width, height = subject.size
        return (LOSSLESS,) if width * height > PALETTE_PIXELS else (*COLOURS, LOSSLESS)

    def step_of(self, subject: Picture, quality: int) -> Sequence[int]:
        """Allow for a palette below quality 100."""
        return [
            step for step in self.steps(subject) if step >= (LOSSLESS if quality == 100 else palettes.MOST)
        ]

    def encode(self, subject: Picture, step: int, *, is_thorough: bool = False) -> bytes:
        """Write a subject."""
        image = subject.image
        if step < LOSSLESS:
            image = palettes.few(image, step)
        elif image.width * image.height <= PALETTE_PIXELS:
            image = palettes.exact(image) or image
        pixels = image.width * image.height
        level = 9 if pixels <= 100_000 else 6 if pixels <= PALETTE_PIXELS else 3
        return _saved(image, "PNG", compress_level=level)

    def likeness(self, sample: Sample, content: bytes, step: int) -> float:
        """Return 1 without loss."""
        return 1.0 if step == LOSSLESS else super().likeness(sample, content, step)


class Gif(Paletted):
    """GIF with fewer colours."""

    media_type = sniffing.GIF

    def steps(self, subject: Picture) -> Sequence[int]:
        """Return numbers of colours."""
        return COLOURS

    def step_of(self, subject: Picture, quality: int) -> Sequence[int]:
        """Allow for all colours."""
        return (palettes.MOST,)

    def encode(self, subject: Picture, step: int, *, is_thorough: bool = False) -> bytes:
        """Write a subject."""
        made, clear = (palettes.exact(subject.image) if not subject.has_alpha else None), None
        if made is None or step < palettes.MOST:
            ((made, clear),) = palettes.few_of_all([subject.image], step)
        return _saved(made, "GIF", optimize=True, **({} if clear is None else {"transparency": clear}))


STILL: dict[str, Format[Picture]] = {
    sniffing.JPEG: Jpeg(),
    sniffing.PNG: Png(),
    sniffing.WEBP: Webp(),
    sniffing.GIF: Gif(),
    # A BMP that is compressed is a PNG.
    sniffing.BMP: Png(),
}


def opened(content: bytes) -> "Image":
    """Decode what was written here."""
    from PIL import Image

    image: Image.Image = Image.open(io.BytesIO(content))
    image.load()
    if image.mode in ("L", "LA", "RGB", "RGBA"):
        return image
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _whole(tiles: bytes, sample: Sample) -> float:
    return _JPEG_HEAD + max(0, len(tiles) - _JPEG_HEAD) / sample.share


def _saved(image: "Image", name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    try:
        image.save(buffer, name, **options)
    except (OSError, ValueError) as error:
        if "encoding error 1" in str(error):
            # libwebp's VP8_ENC_ERROR_OUT_OF_MEMORY.
            raise MemoryError from error
        raise
    return buffer.getvalue()
