"""From a text to glyphs: direction, font and script of each run, then HarfBuzz."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from invitations.rendering import directions, fonts
from invitations.rendering.fonts import Chain, Font

_URDU = frozenset("ٹڈڑںےہھۂۓ")


class Glyph(NamedTuple):
    """A glyph and where its origin lies, counted from its run's; in units of an em."""

    number: int
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Run:
    """Glyphs of one font in one direction.

    `left` and `right` bound ink and advance, `top` and `bottom` the ink alone.
    """

    font: Font
    level: int
    glyphs: tuple[Glyph, ...]
    advance: int
    left: int
    right: int
    top: int
    bottom: int


@dataclass(frozen=True, slots=True)
class Word:
    """What is never parted while there is room: `text`, and the runs that show it in the order of reading.

    `space` is what stands behind it, up to the next word; `is_last` says that a new line has to begin then.
    """

    text: str
    runs: tuple[Run, ...]
    level: int
    space: tuple[Run, ...] = ()
    is_last: bool = False

    @property
    def advance(self) -> int:
        """Return its width."""
        return sum(run.advance for run in self.runs)

    @property
    def space_advance(self) -> int:
        """Return the width of the space behind it."""
        return sum(run.advance for run in self.space)


class Shaper:
    """Shapes texts with a chain of fonts, and remembers which characters none of them has."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.missing: dict[str, None] = {}

    def words(self, text: str, base: int) -> list[Word]:
        """Shape a paragraph, word by word."""
        levels = directions.levels(text, base)
        found: list[Word] = []
        for start, end, after in _words(text):
            runs = tuple(self._runs(text[start:end], levels[start:end]))
            space = tuple(self._runs(text[end:after], levels[end:after]))
            level = levels[start] if start < end else base
            found.append(Word(text[start:end], runs, level, space))
        return found

    def runs(self, text: str, base: int) -> tuple[Run, ...]:
        """Shape a text that is not to be parted, in the order of reading."""
        return tuple(self._runs(text, directions.levels(text, base)))

    def _runs(self, text: str, levels: list[int]) -> Iterator[Run]:
        start = at = 0
        before: tuple[Font, int, str] | None = None
        for cluster in fonts.clusters(text):
            font, is_there = self.chain.font_for(cluster)
            if not is_there:
                self.missing[cluster] = None
            script = _script(cluster)
            key = (font, levels[at], script)
            if before is not None and not _go_together(before, key):
                yield _shape(text[start:at], *before)
                start, before = at, key
            elif before is None or not before[2]:
                before = key
            at += len(cluster)
        if before is not None:
            yield _shape(text[start:], *before)


def _go_together(one: tuple[Font, int, str], other: tuple[Font, int, str]) -> bool:
    same_script = not one[2] or not other[2] or one[2] == other[2]
    return one[0] is other[0] and one[1] == other[1] and same_script


def _words(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield where words begin and end, and where the space behind them ends."""
    start = 0
    while start < len(text):
        end = start
        for cluster in fonts.clusters(text[start:]):
            if cluster[0].isspace():
                break
            end += len(cluster)
            if _may_break_after(text, end):
                break
        after = end
        while after < len(text) and text[after].isspace():
            after += 1
        yield start, end, after
        start = after


def _may_break_after(text: str, end: int) -> bool:
    """Tell whether a line may end here without a space: behind a hyphen, and around ideographs."""
    if end >= len(text):
        return False
    before, behind = text[end - 1], text[end]
    if before in "-\u2010\u2013\u2014\u200b":
        return behind.isalnum()
    if unicodedata.category(behind)[0] in "PM":
        return False
    return _is_ideograph(before) or _is_ideograph(behind)


def _is_ideograph(char: str) -> bool:
    code = ord(char)
    return 0x2E80 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x3FFFF


@lru_cache(maxsize=4096)
def _script(cluster: str) -> str:
    """Return the script of a cluster, "" if it goes with any."""
    import uharfbuzz as hb

    buffer = hb.Buffer()
    buffer.add_str(cluster)
    buffer.guess_segment_properties()
    return buffer.script or ""


def _shape(text: str, font: Font, level: int, script: str) -> Run:
    import uharfbuzz as hb

    buffer = hb.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    buffer.direction = "rtl" if level % 2 else "ltr"
    if script:
        buffer.script = script
    if script == "Arab" and not _URDU.isdisjoint(text):
        buffer.language = "ur"
    hb.shape(font.harfbuzz, buffer)
    return _run(font, level, buffer)


def _run(font: Font, level: int, buffer: Any) -> Run:
    glyphs: list[Glyph] = []
    x = y = left = top = bottom = right = 0
    for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        glyph = Glyph(info.codepoint, x + position.x_offset, y + position.y_offset)
        glyphs.append(glyph)
        extents = font.harfbuzz.get_glyph_extents(glyph.number)
        if extents is not None and extents.width and extents.height:
            left = min(left, glyph.x + extents.x_bearing)
            right = max(right, glyph.x + extents.x_bearing + extents.width)
            top = max(top, glyph.y + extents.y_bearing)
            bottom = min(bottom, glyph.y + extents.y_bearing + extents.height)
        x += position.x_advance
        y += position.y_advance
    return Run(font, level, tuple(glyphs), x, left, max(right, x), top, bottom)
