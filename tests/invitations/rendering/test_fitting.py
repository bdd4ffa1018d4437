"""Texts stay in their boxes, whatever they are, at the largest size that does."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from invitations.rendering import Box, fitting, fonts, texts
from invitations.rendering.documents import TextLayer
from invitations.rendering.shaping import Shaper
from invitations.rendering.texts import Text

ALPHABET = "abgjWQÅŠỘ .,-…(){}'\u0301 مڈےہ۱ ﷺ אב 王김 🎉👩\u200d🚀🇵🇰❤️\n\t\u200b\u202e\U00010940"
FAMILIES = ("Noto Sans", "Playfair Display", "Dancing Script", "Noto Naskh Arabic")


def compose(text: str, **more: object) -> Text:
    fields: dict[str, object] = {"name": "t", "box": Box(40, 50, 600, 200), "text": text, "font": "Noto Sans"}
    layer = TextLayer(**{**fields, **more})
    return texts.compose(text, layer, fonts.chain(layer.font, layer.weight, {}))


def is_inside(inner: Box, outer: Box) -> bool:
    return (
        outer.x <= inner.x
        and outer.y <= inner.y
        and inner.x + inner.width <= outer.x + outer.width
        and inner.y + inner.height <= outer.y + outer.height
    )


@settings(max_examples=150)
@given(
    text=st.text(st.sampled_from(ALPHABET), max_size=60),
    width=st.integers(1, 700),
    height=st.integers(1, 300),
    size=st.integers(4, 200),
    min_size=st.integers(4, 200),
    max_lines=st.integers(1, 4),
    line_height=st.floats(0.5, 3),
    font=st.sampled_from(FAMILIES),
    align=st.sampled_from(["start", "left", "center", "right"]),
    valign=st.sampled_from(["top", "middle", "bottom"]),
    direction=st.sampled_from(["auto", "ltr", "rtl"]),
)
def test_text_never_leaves_its_box(
    text: str, width: int, height: int, size: int, min_size: int, max_lines: int, **more: object
) -> None:
    box = Box(13, 17, width, height)
    drawn = compose(text, box=box, size=size, min_size=min(size, min_size), max_lines=max_lines, **more)
    assert len(drawn.report.lines) <= max_lines
    assert drawn.report.size <= size
    if drawn.stamps:
        assert is_inside(drawn.report.box, box)
    for stamp in drawn.stamps:
        assert is_inside(stamp.box, box)


@settings(max_examples=60)
@given(st.text(st.sampled_from("abgj WQỘ مڈے王"), min_size=1, max_size=40), st.integers(40, 600))
def test_ink_needs_no_clipping_where_the_text_fits(text: str, width: int) -> None:
    """What is drawn in a box is what would be drawn in the middle of an endless one."""
    room = fitting.Room(width=width, height=150, size=60, min_size=8, max_lines=3, line_height=1.2)
    fitted = fitting.fit(text, Shaper(fonts.chain("Noto Sans", 400, {})), room)
    for line in fitted.lines:
        assert line.width * fitted.size <= width * fonts.EM
    if fitted.lines:
        assert fitting.height(fitted.lines, fitted.size, 1.2) <= 150


def test_short_text_keeps_its_size() -> None:
    report = compose("Ali", size=64).report
    assert (report.size, report.lines, report.is_fitted) == (64, ["Ali"], True)


def test_long_text_shrinks_no_more_than_needed() -> None:
    text = "Maximilian von Hohenstein-Rosenberg"
    report = compose(text, size=120, min_size=20).report
    assert report.is_fitted
    assert 20 < report.size < 120
    wider = compose(text, size=report.size + fitting.STEP, min_size=report.size + fitting.STEP).report
    assert not wider.is_fitted
    assert report.box.width > 560


def test_longer_text_wraps_and_the_longest_ends_in_an_ellipsis() -> None:
    two = compose("Maximilian von Hohenstein-Rosenberg", size=50, min_size=50, max_lines=2).report
    assert two.lines == ["Maximilian von", "Hohenstein-Rosenberg"]
    assert two.is_fitted
    cut = compose("name " * 100, size=64, min_size=40, max_lines=2).report
    assert len(cut.lines) == 2
    assert cut.lines[1].endswith("…")
    assert not cut.is_fitted
    assert cut.size == 40


def test_word_that_is_wider_than_a_line_is_parted() -> None:
    report = compose("W" * 40, size=64, min_size=40, max_lines=4).report
    assert "".join(report.lines) == "W" * 40
    assert report.is_fitted


def test_ellipsis_of_right_to_left_text_stands_at_its_left() -> None:
    drawn = compose("محمد " * 60, size=60, min_size=60, align="start")
    assert drawn.report.lines[0].endswith("…")
    ink = drawn.stamps[0].mask
    assert ink is not None
    # Dots lie low: the left end has no ink above the middle, other than a letter's.
    left = ink.crop((0, 0, 30, ink.height // 3))
    assert left.getbbox() is None


def test_lines_that_were_given_are_kept() -> None:
    report = compose("one\ntwo\n\nfour", size=30, max_lines=4).report
    assert report.lines == ["one", "two", "", "four"]


def test_box_too_low_for_the_smallest_size_is_still_kept() -> None:
    report = compose("Ali", box=Box(0, 0, 300, 12), size=64, min_size=40).report
    assert report.size < 12
    assert 0 < report.box.height <= 12


def test_nothing_is_nothing() -> None:
    for text in ("", "  \t", "\u200b", "\n"):
        drawn = compose(text)
        assert not drawn.stamps
        assert drawn.report.is_fitted


@pytest.mark.parametrize(
    ("align", "text", "is_left"),
    [
        ("left", "Ali", True),
        ("right", "Ali", False),
        ("start", "Ali", True),
        ("start", "علی", False),
        ("left", "علی", True),
    ],
)
def test_alignment(align: str, text: str, is_left: bool) -> None:
    box = compose(text, align=align).report.box
    assert (box.x - 40 < 10) == is_left
    assert (640 - box.x - box.width < 10) != is_left


def test_vertical_alignment() -> None:
    tops = [compose("Ali", valign=valign).report.box.y for valign in ("top", "middle", "bottom")]
    assert tops == sorted(tops)
    assert len(set(tops)) == 3


def mask_of(text: str, **more: object) -> Image.Image:
    canvas = Image.new("RGB", (700, 300), "white")
    for stamp in compose(text, **more).stamps:
        stamp.draw(canvas)
    return canvas.convert("L")


def test_arabic_letters_join() -> None:
    """Drawn apart, letters are wider than joined."""
    joined = compose("ععع", size=80).report.box.width
    apart = compose("ع\u200cع\u200cع", size=80).report.box.width
    assert joined < apart


def test_latin_digits_run_from_left_to_right_in_arabic_text() -> None:
    def digits(text: str) -> Image.Image:
        """Return the ink at the left end."""
        canvas = ImageChops.invert(mask_of(text, size=80, align="left", direction="rtl")).crop(
            (40, 0, 126, 300)
        )
        return canvas.crop(canvas.getbbox())

    one, other = digits("12"), digits("محمد 12")
    assert one.size == other.size
    assert ImageChops.difference(one, other).getextrema()[1] < 90


def test_weight_makes_strokes_bolder() -> None:
    light, bold = (sum(mask_of("Ali", size=80, weight=weight).histogram()[:128]) for weight in (400, 700))
    assert bold > 1.2 * light


def test_missing_characters_are_reported_and_drawn_as_boxes() -> None:
    drawn = compose("a\U00010940")
    assert drawn.missing == ("\U00010940",)
    assert drawn.report.box.width > compose("a").report.box.width
