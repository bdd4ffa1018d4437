"""How large a text is set and where its lines end, so that it stays in its box.

A text is set at the largest size, between its layer's size and its smallest, at which it fits. Below that
it loses its end, with an ellipsis; in a box too small even for that, it is set smaller still. Widths grow
with the size, so nothing is shaped twice for being tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from invitations.rendering import directions, fonts
from invitations.rendering.fonts import EM
from invitations.rendering.shaping import Run, Shaper, Word

ELLIPSIS = "…"
# A size is looked for in steps of half a pixel.
STEP = 0.5
LEAST = 1.0
MOST_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Line:
    """Runs from left to right, with the bounds of ink and advance in units of an em."""

    text: str
    base: int
    runs: tuple[tuple[int, Run], ...]  # each behind its place
    left: int
    right: int
    top: int
    bottom: int

    @property
    def width(self) -> int:
        """Return the width of all that is there."""
        return self.right - self.left


@dataclass(frozen=True, slots=True)
class Fitted:
    """A text that fits: its lines at a size in pixels. `is_fitted` is false if something of it is missing."""

    lines: tuple[Line, ...]
    size: float
    is_fitted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a text may take, in pixels."""

    width: float
    height: float
    size: float
    min_size: float
    max_lines: int
    line_height: float
    direction: str = "auto"


def fit(text: str, shaper: Shaper, room: Room) -> Fitted:
    """Set a text. Lines that it has already are kept apart."""
    paragraphs = _paragraphs(text, shaper, room.direction)
    if not any(words for words, _ in paragraphs):
        return Fitted((), room.size, True)
    smallest = min(room.min_size, room.size)
    steps = int((room.size - smallest) / STEP)
    best = _largest(paragraphs, room, smallest, steps)
    return best or _cut(paragraphs, shaper, room, smallest)


def height(lines: Sequence[Line], size: float, line_height: float) -> float:
    """Return how high lines are together: from the first's top to the last's bottom."""
    return (len(lines) - 1) * line_height * size + (_top(lines[0]) - _bottom(lines[-1])) * size / EM


def _top(line: Line) -> int:
    return max(line.top, 1)


def _bottom(line: Line) -> int:
    return min(line.bottom, 0)


Paragraph = tuple[list[Word], int]


def _paragraphs(text: str, shaper: Shaper, direction: str) -> list[Paragraph]:
    found = []
    for part in directions.cleaned(text[:MOST_CHARACTERS]).split("\n"):
        words = " ".join(part.split())
        base = directions.base_level(words, direction)
        found.append((shaper.words(words, base), base))
    return found


def _largest(paragraphs: list[Paragraph], room: Room, smallest: float, steps: int) -> Fitted | None:
    """Return the text at the largest size that fits, by halving the sizes that are left."""
    best = None
    low, high = 0, steps
    while low <= high:
        # Most texts fit as they are meant.
        step = high if best is None and high == steps else (low + high) // 2
        size = room.size if step == steps else smallest + step * STEP
        lines = _lines(paragraphs, room, size)
        if lines is not None and _fits(lines, room, size):
            best, low = Fitted(tuple(lines), size, True), step + 1
        else:
            high = step - 1
    return best


def _fits(lines: Sequence[Line], room: Room, size: float) -> bool:
    return (
        len(lines) <= room.max_lines
        and all(line.width * size <= room.width * EM for line in lines)
        and height(lines, size, room.line_height) <= room.height
    )


def _lines(paragraphs: list[Paragraph], room: Room, size: float) -> list[Line] | None:
    """Fill lines with words; None as soon as there are too many, or a word is wider than a line."""
    most = room.width * EM / size
    lines: list[Line] = []
    for words, base in paragraphs:
        rest = words
        while True:
            count = _count(rest, most, base)
            if count is None:
                return None
            lines.append(_line(rest[:count], base))
            if len(lines) > room.max_lines:
                return None
            rest = rest[count:]
            if not rest:
                break
    return lines


def _count(words: list[Word], most: float, base: int) -> int | None:
    """Return how many words the next line takes; None if not even one."""
    width = 0
    for count, word in enumerate(words):
        width += word.advance
        if width > most:
            return count or None
        width += word.space_advance
    return len(words)


def _line(words: Sequence[Word], base: int) -> Line:
    """Put words into a line, in the order of sight; the space at its end is dropped (rule L1)."""
    runs: list[Run] = []
    for word in words[:-1]:
        runs += (*word.runs, *word.space)
    runs += words[-1].runs if words else ()
    text = "".join(word.text + " " * bool(word.space) for word in words).strip()
    return line_of(text, runs, base)


def line_of(text: str, runs: Sequence[Run], base: int) -> Line:
    """Put runs, which come in the order of reading, beside each other."""
    placed: list[tuple[int, Run]] = []
    x = left = right = top = bottom = 0
    for run in directions.in_sight([(run.level, run) for run in runs]):
        placed.append((x, run))
        left, right = min(left, x + run.left), max(right, x + run.right)
        top, bottom = max(top, run.top), min(bottom, run.bottom)
        x += run.advance
    ascent = max((run.font.ascent for run in runs), default=0)
    descent = max((run.font.descent for run in runs), default=0)
    return Line(text, base, tuple(placed), left, right, max(top, ascent), min(bottom, -descent))


def _cut(paragraphs: list[Paragraph], shaper: Shaper, room: Room, size: float) -> Fitted:
    """Set what there is room for: words are parted, and the last line ends in an ellipsis."""
    while True:
        fitted = _cut_at(paragraphs, shaper, room, size)
        if fitted is not None or size <= LEAST:
            return fitted or Fitted((), size, False)
        size = max(LEAST, size * 0.8)


def _cut_at(paragraphs: list[Paragraph], shaper: Shaper, room: Room, size: float) -> Fitted | None:
    most = int(room.width * EM / size)
    lines: list[Line] = []
    for words, base in paragraphs:
        texts = _parted(words, shaper, most, base)
        if texts is None:
            return None
        lines += (line_of(text, shaper.runs(text, base), base) for text in texts)
    is_whole = len(lines) <= room.max_lines
    lines = lines[: room.max_lines]
    while len(lines) > 1 and height(lines, size, room.line_height) > room.height:
        lines, is_whole = lines[:-1], False
    if not is_whole:
        last = _ended(lines[-1], shaper, most)
        if last is None:
            return None
        lines[-1] = last
    fitted = Fitted(tuple(lines), size, is_whole)
    return fitted if _fits(lines, room, size) else None


def _parted(words: list[Word], shaper: Shaper, most: int, base: int) -> list[str] | None:
    """Fill lines, parting words that are wider than one; None if a line holds not even one character."""
    lines, line, width = [], "", 0
    for word in words:
        if line and width + word.advance > most:
            lines.append(line.rstrip())
            line, width = "", 0
        text = word.text
        while not line and (head := _head(text, shaper, most, base)) != text:
            if not head:
                return None
            lines.append(head)
            text = text[len(head) :]
        line += text + " " * bool(word.space)
        width += (word.advance if text == word.text else _width(text, shaper, base)) + word.space_advance
    return [*lines, line.rstrip()]


def _head(text: str, shaper: Shaper, most: int, base: int, end: str = "") -> str:
    """Return as much of a text's beginning as fits, followed by `end`; whole characters only."""
    if _width(text + end, shaper, base) <= most:
        return text
    heads = [""]
    for cluster in fonts.clusters(text):
        heads.append(heads[-1] + cluster)
    low, high = 0, len(heads) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if _width(heads[middle].rstrip() + end, shaper, base) <= most:
            low = middle
        else:
            high = middle - 1
    return heads[low]


def _ended(line: Line, shaper: Shaper, most: int) -> Line | None:
    """Return a line with an ellipsis; None if there is no room for that."""
    text = _head(line.text, shaper, most, line.base, ELLIPSIS).rstrip() + ELLIPSIS
    ended = line_of(text, shaper.runs(text, line.base), line.base)
    return ended if ended.width <= most else None


def _width(text: str, shaper: Shaper, base: int) -> int:
    return line_of(text, shaper.runs(text, base), base).width
