"""Animations keep their frames, their durations, and how often they are played."""

import io

import numpy as np
import pytest
from PIL import Image, ImageSequence

from compression.codec import Limits, Mode, Options, Output, PictureError, compress
from tests.compression import pictures

DURATIONS = [40, 60, 80, 100, 120, 140]


def durations(content: bytes) -> list[int]:
    frames = []
    for frame in ImageSequence.Iterator(Image.open(io.BytesIO(content))):
        frame.load()
        frames.append(round(frame.info["duration"]))
    return frames


def frames(content: bytes) -> list[np.ndarray]:
    image = pictures.opened(content)
    return [np.asarray(frame.convert("RGB"), float) for frame in ImageSequence.Iterator(image)]


@pytest.mark.parametrize("output", [Output.SAME, Output.WEBP])
@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG"])
def test_frames_and_their_durations_are_kept(name: str, output: Output) -> None:
    content = pictures.animation(name, loop=0, **({"lossless": True} if name == "WEBP" else {}))
    done = compress(content, Options(output=output))
    assert durations(done.content) == DURATIONS
    before, after = frames(content), frames(done.content)
    assert max(np.abs(one - other).mean() for one, other in zip(before, after, strict=True)) < 12


@pytest.mark.parametrize(
    ("loop", "played"), [(None, 1), (0, 0), (1, 2), (4, 5)], ids=["once", "for ever", "twice", "five times"]
)
def test_gif_is_played_as_often_as_webp(loop: int | None, played: int) -> None:
    options = {} if loop is None else {"loop": loop}
    images = [pictures.photo(96, 96, seed=seed) for seed in range(3)]
    content = pictures.saved(images[0], "GIF", save_all=True, append_images=images[1:], **options)
    done = compress(content, Options(output=Output.WEBP))
    assert done.media_type == "image/webp"
    assert pictures.opened(done.content).info["loop"] == played


@pytest.mark.parametrize("loop", [None, 0, 3])
def test_gif_that_is_encoded_is_played_as_often_as_before(loop: int | None) -> None:
    image = pictures.photo(96, 96)
    others = [image.rotate(angle) for angle in (5, 10, 15)]
    options = {} if loop is None else {"loop": loop}
    content = pictures.saved(
        image, "GIF", save_all=True, append_images=others, duration=70, disposal=2, **options
    )
    done = compress(content, Options(mode=Mode.BYTES, percent=60))
    assert not done.is_kept
    assert durations(done.content) == [70] * 4
    assert pictures.opened(done.content).info.get("loop") == loop


def test_clear_pixels_of_an_animation_stay_clear() -> None:
    images = []
    for number in range(4):
        image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
        image.paste(pictures.photo(20, 20, noise=40).convert("RGBA"), (8 * number, 8))
        images.append(image)
    webp = pictures.saved(images[0], "WEBP", save_all=True, append_images=images[1:], lossless=True)
    gif = pictures.saved(images[0], "GIF", save_all=True, append_images=images[1:], disposal=2)
    png = pictures.saved(images[0], "PNG", save_all=True, append_images=images[1:], disposal=1)
    for content in (webp, gif, png):
        done = compress(content, Options(output=Output.WEBP))
        assert not done.is_kept
        out = pictures.opened(done.content)
        out.seek(3)
        last = out.convert("RGBA")
        assert [last.getpixel(place)[3] for place in ((2, 2), (8, 16), (34, 16))] == [0, 0, 255]


def test_limit_of_bytes_holds_for_animations() -> None:
    image = pictures.photo(160, 160)
    others = [image.rotate(angle) for angle in range(5, 40, 5)]
    for name in ("GIF", "WEBP"):
        content = pictures.saved(image, name, save_all=True, append_images=others, quality=95)
        done = compress(content, Options(mode=Mode.BYTES, percent=40, similarity_floor=0.6))
        assert not done.is_over_limit
        assert len(done.content) <= len(content) * 0.4
        assert pictures.opened(done.content).n_frames == 8


def test_frame_that_leaves_the_canvas_is_cut() -> None:
    content = bytearray(pictures.animation("GIF", size=48))
    content[6:10] = (40).to_bytes(2, "little") * 2
    done = compress(bytes(content), Options(output=Output.WEBP))
    assert pictures.opened(done.content).n_frames == 6


def test_too_many_frames_are_refused() -> None:
    for name in ("GIF", "WEBP", "PNG"):
        with pytest.raises(PictureError) as caught:
            compress(pictures.animation(name), Options(limits=Limits(max_frames=5)))
        assert caught.value.code == "too_many_frames"
