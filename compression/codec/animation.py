"""An animation: its frames as they are shown, their durations, how often it is played."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from chatboost.core.pictures import Limits, Picture, decoding
from chatboost.core.pictures.headers import Header

if TYPE_CHECKING:
    from PIL.Image import Image

# More pixels than this (64 MB) are decoded again for each encode, not kept.
_KEPT_PIXELS = 16_000_000
# Frames by whose length the length of all is estimated.
EXCERPT = 6


class Animation:
    """The frames of a file, at a scale. All frames are kept, with their durations."""

    def __init__(self, content: bytes, header: Header, limits: Limits, *, scale: float = 1.0) -> None:
        self._content, self._header, self._limits, self._scale = content, header, limits, scale
        self._kept: Sequence[Picture] = ()
        self.durations: Sequence[int] = ()
        self.loops = decoding.loops(content, header, limits)
        self._look_through()

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height."""
        return self.first.size

    @cached_property
    def first(self) -> Picture:
        """Return the first frame."""
        return next(self.pictures())

    def pictures(self) -> Iterator[Picture]:
        """Yield the frames."""
        yield from self._kept or (self._scaled(frame.picture) for frame in self._frames())

    def images(self) -> list["Image"]:
        """Return the frames as Pillow's writers want them: all RGBA, or all RGB."""
        mode = "RGBA" if self.has_alpha else "RGB"
        return [picture.image.convert(mode) for picture in self.pictures()]

    def shrunk(self, scale: float) -> "Animation":
        """Return a smaller one."""
        return Animation(self._content, self._header, self._limits, scale=scale)

    @cached_property
    def excerpt(self) -> "Animation":
        """Return its first frames as an animation."""
        header = replace(self._header, frames=min(EXCERPT, self._header.frames))
        return Animation(self._content, header, self._limits, scale=self._scale)

    def _look_through(self) -> None:
        """Meet every frame once: a file that is damaged at its end is known before anything is encoded."""
        keeps = self._header.width * self._header.height * self._header.frames <= _KEPT_PIXELS
        durations, pictures, self.has_alpha = [], [], False
        for frame in self._frames():
            durations.append(frame.duration)
            self.has_alpha |= frame.picture.is_clear_somewhere
            if keeps:
                pictures.append(self._scaled(frame.picture))
        self.durations, self._kept = durations, pictures

    def _frames(self) -> Iterator[decoding.Frame]:
        return islice(decoding.frames(self._content, self._header, self._limits), self._header.frames)

    def _scaled(self, picture: Picture) -> Picture:
        return picture if self._scale == 1 else picture.shrunk(self._scale)
