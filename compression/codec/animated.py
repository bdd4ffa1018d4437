"""Animations into bytes: GIF, WebP, PNG.

No frame is left out; neighbours that show the same become one that lasts longer.
"""

import io
from collections.abc import Sequence
from typing import Any

from chatboost.core.pictures import Picture, containers, sniffing
from compression.codec import formats, palettes
from compression.codec.animation import Animation
from compression.codec.formats import COLOURS, LOSSLESS, Format
from compression.codec.similarity import Sample


class Animated(Format[Animation]):
    """What the formats of animations share: they are judged by their first frame."""

    still: Format[Picture]

    def estimate(self, subject: Animation, sample: Sample, step: int) -> float:
        """Write the first frames alone."""
        excerpt = subject.excerpt
        return len(self.encode(excerpt, step)) * len(subject.durations) / len(excerpt.durations)

    def worthwhile(self, subject: Animation, sample: Sample, floor: float) -> Sequence[int]:
        """Try the steps on the first frame."""
        first = subject.first

        def is_alike(step: int) -> bool:
            return self.still.likeness(sample, self.still.encode(first, step), step) >= floor

        return [step for step in self.steps(subject) if is_alike(step)]


class AnimatedWebp(Animated):
    """Lossy frames in a WebP."""

    still = formats.Webp()

    media_type = sniffing.WEBP

    def steps(self, subject: Animation) -> Sequence[int]:
        """Return some qualities: an encode takes as long as that of all frames."""
        return (10, 20, 30, 40, 50, 60, 70, 80, 90)

    def step_of(self, subject: Animation, quality: int) -> Sequence[int]:
        """Return the quality itself."""
        return (quality,)

    def encode(self, subject: Animation, step: int, *, is_thorough: bool = False) -> bytes:
        """Write an animation."""
        durations = list(subject.durations)
        made = _saved(subject, "WEBP", quality=step, method=3, loop=subject.loops, duration=durations)
        return containers.with_alpha(made) if subject.has_alpha else made


class AnimatedGif(Animated):
    """Frames with fewer colours in a GIF."""

    still = formats.Gif()

    media_type = sniffing.GIF

    def steps(self, subject: Animation) -> Sequence[int]:
        """Return numbers of colours."""
        return COLOURS

    def step_of(self, subject: Animation, quality: int) -> Sequence[int]:
        """Allow for all colours."""
        return (palettes.MOST,)

    def encode(self, subject: Animation, step: int, *, is_thorough: bool = False) -> bytes:
        """Write an animation."""
        made = palettes.few_of_all([picture.image for picture in subject.pictures()], step)
        for image, clear in made:
            if clear is not None:
                image.info["transparency"] = clear
        images = [image for image, _ in made]
        # A GIF's figure counts repetitions; none is written for an animation that is played once.
        loop = {} if subject.loops == 1 else {"loop": max(0, subject.loops - 1)}
        durations = list(subject.durations)
        buffer = io.BytesIO()
        images[0].save(
            buffer,
            "GIF",
            save_all=True,
            append_images=images[1:],
            duration=durations,
            disposal=2 if any(clear is not None for _, clear in made) else 1,
            **loop,
        )
        return buffer.getvalue()

    def quality(self, step: int) -> int | None:
        """Return None: GIF knows none."""
        return None


class AnimatedPng(Animated):
    """Frames without loss in a PNG."""

    still = formats.Png()

    media_type = sniffing.PNG

    def steps(self, subject: Animation) -> Sequence[int]:
        """Return `LOSSLESS`."""
        return (LOSSLESS,)

    def step_of(self, subject: Animation, quality: int) -> Sequence[int]:
        """Return `LOSSLESS`."""
        return (LOSSLESS,)

    def encode(self, subject: Animation, step: int, *, is_thorough: bool = False) -> bytes:
        """Write an animation."""
        return _saved(subject, "PNG", loop=subject.loops, duration=list(subject.durations))

    def quality(self, step: int) -> int | None:
        """Return None: PNG knows none."""
        return None


ANIMATED: dict[str, Format[Animation]] = {
    sniffing.PNG: AnimatedPng(),
    sniffing.WEBP: AnimatedWebp(),
    sniffing.GIF: AnimatedGif(),
}


def _saved(animation: Animation, name: str, **options: Any) -> bytes:
    first, *others = animation.images()
    buffer = io.BytesIO()
    first.save(buffer, name, save_all=True, append_images=others, **options)
    return buffer.getvalue()
