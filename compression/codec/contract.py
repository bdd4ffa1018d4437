"""What goes into the codec and what comes out of it."""

from dataclasses import dataclass, field
from enum import StrEnum

from chatboost.core.pictures import Limits


class Mode(StrEnum):
    """What "50 %" means."""

    QUALITY = "quality"  # encode at this quality
    BYTES = "bytes"  # at most this share of the input's bytes


class Output(StrEnum):
    """The format of what comes out."""

    SAME = "same"  # the input's; BMP, which compresses nothing, becomes PNG
    WEBP = "webp"
    SMALLER = "smaller"  # whichever of both has fewer bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to compress. `quality` is libjpeg's and libwebp's scale of 1 to 100.

    PNG and GIF know none: below 100 a PNG may get a palette of 256 colours. `similarity_floor` bounds what is
    done without being asked for: palettes, the search of mode `bytes`, a lower quality so that nothing grows.
    """

    mode: Mode = Mode.QUALITY
    quality: int = 50
    percent: int = 50
    output: Output = Output.SAME
    similarity_floor: float = 0.85
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        """Refuse what has no meaning.

        Raises:
            ValueError: quality or percent beyond 1 to 100, a floor beyond 0 to 1.
        """
        if not (1 <= self.quality <= 100 and 1 <= self.percent <= 100):
            raise ValueError("quality and percent go from 1 to 100")
        if not 0 <= self.similarity_floor <= 1:
            raise ValueError("similarity_floor goes from 0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compressed:
    """A picture as it came out.

    `similarity` is the SSIM against the turned, colour-corrected input at the output's size. `scale` is below
    1 when the picture had to shrink. `quality` is None where the format knows none, and when the input
    `is_kept`: it could not be made smaller (or, in mode `bytes`, fits as it is), so its own pixels come out,
    without its metadata. `is_over_limit` is only ever true in mode `bytes`: nothing above the similarity
    floor fits, and this is the smallest that there is.
    """

    content: bytes
    media_type: str
    extension: str
    width: int
    height: int
    quality: int | None
    scale: float
    similarity: float
    is_kept: bool
    is_over_limit: bool = False
