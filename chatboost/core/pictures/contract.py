"""What one picture may cost, and how it is refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What one picture may cost. Bytes, pixels and frames are known before anything is decoded."""

    max_bytes: int = 25 * 1024 * 1024
    max_pixels: int = 40_000_000  # of one frame
    max_frames: int = 50
    memory_bytes: int = 512 * 1024 * 1024  # a child's, beyond what it has when it starts
    cpu_seconds: float = 10
    wall_seconds: float = 10


class PictureError(Exception):
    """A picture that does not come out, and why.

    Codes: `not_an_image`, `unsupported_format`, `damaged`, `too_large`, `too_many_pixels`, `too_many_frames`,
    `took_too_long`, `out_of_memory`, `crashed`. A service that runs isolated may have more of its own.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


@contextmanager
def contained() -> Iterator[None]:
    """Let nothing out but a `PictureError`: what a library throws at a hostile picture is an answer too."""
    try:
        yield
    except PictureError:
        raise
    except MemoryError as error:
        raise PictureError("out_of_memory", "The picture needs more memory than is allowed.") from error
    except Exception as error:
        raise PictureError("crashed", f"The picture broke its decoder: {type(error).__name__}.") from error
