"""Draw a text into its box: placed line by line, its ink inside whatever happens."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from invitations.rendering import fitting, stamps
from invitations.rendering.contract import Box, TextBox
from invitations.rendering.documents import TextLayer
from invitations.rendering.fitting import Fitted, Line, Room
from invitations.rendering.fonts import EM, Chain, Font
from invitations.rendering.shaping import Shaper
from invitations.rendering.stamps import Stamp

if TYPE_CHECKING:
    from PIL.Image import Image

# Soft edges reach into the next pixel, and lines begin at whole ones.
MARGIN = 1


@dataclass(frozen=True, slots=True)
class Text:
    """A text as it is drawn, and what is said about it."""

    stamps: tuple[Stamp, ...]
    report: TextBox
    missing: tuple[str, ...]


def compose(text: str, layer: TextLayer, chain: Chain) -> Text:
    """Set a text in its layer's box and draw it."""
    shaper = Shaper(chain)
    fitted = fitting.fit(text, shaper, _room(layer))
    drawn = tuple(stamps.clip(_stamps(fitted, layer), layer.box))
    report = TextBox(
        name=layer.name,
        box=stamps.around(stamp.box for stamp in drawn) or Box(layer.box.x, layer.box.y, 0, 0),
        size=fitted.size,
        lines=[line.text for line in fitted.lines],
        is_fitted=fitted.is_fitted,
    )
    return Text(drawn, report, tuple(shaper.missing))


def _room(layer: TextLayer) -> Room:
    return Room(
        width=max(layer.box.width - 2 * MARGIN, 1),
        height=max(layer.box.height - 2 * MARGIN, 1),
        size=layer.size,
        min_size=layer.min_size,
        max_lines=layer.max_lines,
        line_height=layer.line_height,
        direction=layer.direction,
    )


def _stamps(fitted: Fitted, layer: TextLayer) -> Iterator[Stamp]:
    """Draw all plain glyphs of a text at once, and pictures one by one."""
    import uharfbuzz as hb

    if not fitted.lines:
        return
    unit = fitted.size / EM
    draw = hb.RasterDraw()
    draw.scale_factor = (1 / unit, 1 / unit)
    is_empty = True
    for line, baseline in _baselines(fitted, layer):
        start = _start(line, layer, unit)
        for at, run in line.runs:
            for glyph in run.glyphs:
                x, y = start + (at + glyph.x) * unit, glyph.y * unit - baseline
                if run.font.is_coloured:
                    picture = _picture(run.font, glyph.number, fitted.size)
                    if picture is not None:
                        image, left, top = picture
                        yield stamps.picture(round(x) + left, top - round(y), image)
                    continue
                draw.transform = (1, 0, 0, 1, x / unit, y / unit)
                draw.draw_glyph(run.font.harfbuzz, glyph.number)
                is_empty = False
    inked = None if is_empty else draw.render()
    if inked is not None and inked.extents.width and inked.extents.height:
        left, top = inked.extents.x_origin, -inked.extents.y_origin - inked.extents.height
        yield stamps.colored(left, top, layer.color, _mask(inked))


def _baselines(fitted: Fitted, layer: TextLayer) -> Iterator[tuple[Line, int]]:
    """Yield lines with the rows of pixels that they stand on."""
    lines, size = fitted.lines, fitted.size
    spare = layer.box.height - 2 * MARGIN - fitting.height(lines, size, layer.line_height)
    above = {"top": 0.0, "middle": spare / 2, "bottom": spare}[layer.valign]
    baseline = layer.box.y + MARGIN + above + max(lines[0].top, 1) * size / EM
    for number, line in enumerate(lines):
        yield line, round(baseline + number * layer.line_height * size)


def _start(line: Line, layer: TextLayer, unit: float) -> float:
    """Return where a line's origin lies."""
    align = layer.align if layer.align != "start" else ("right" if line.base % 2 else "left")
    spare = layer.box.width - 2 * MARGIN - line.width * unit
    before = {"left": 0.0, "center": spare / 2, "right": spare}[align]
    return layer.box.x + MARGIN + before - line.left * unit


def _mask(image: Any) -> "Image":
    import numpy as np
    from PIL import Image

    extents = image.extents
    rows = np.frombuffer(image.buffer, np.uint8).reshape(extents.height, extents.stride)
    return Image.fromarray(np.ascontiguousarray(rows[::-1, : extents.width]))


@lru_cache(maxsize=256)
def _picture(font: Font, number: int, size: float) -> "tuple[Image, int, int] | None":
    """Draw a glyph of a colour font; beside it, where its left and top lie, counted from its origin."""
    import numpy as np
    import uharfbuzz as hb
    from PIL import Image

    paint = hb.RasterPaint()
    paint.scale_factor = (EM / size, EM / size)
    if not paint.paint_glyph(font.harfbuzz, number):
        return None
    image = paint.render()
    if image is None or not image.extents.width or not image.extents.height:
        return None
    extents = image.extents
    rows = np.frombuffer(image.buffer, np.uint8).reshape(extents.height, extents.stride)
    pixels = rows[::-1, : extents.width * 4].reshape(extents.height, extents.width, 4)[:, :, (2, 1, 0, 3)]
    straight = Image.frombytes("RGBa", (extents.width, extents.height), pixels.tobytes()).convert("RGBA")
    return straight, extents.x_origin, -extents.y_origin - extents.height
