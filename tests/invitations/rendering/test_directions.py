"""What runs from right to left is shown so; beside another implementation of the same rules."""

import bidi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invitations.rendering import directions

LETTERS = st.text(st.sampled_from("abc אבג دین 123 ۱۲ ٣٤ -+/:,.!?%"), max_size=40)


def shown(text: str, base: int) -> str:
    levels = directions.levels(text, base)
    return "".join(directions.in_sight(list(zip(levels, text, strict=True))))


@given(LETTERS, st.sampled_from([0, 1]))
def test_order_of_sight_is_that_of_unicode_bidi(text: str, base: int) -> None:
    # A line ends without spaces. Neither do marks need to be mirrored, of which there are none here.
    text = text.strip()
    assert shown(text, base) == bidi.get_display(text, base_dir="LR"[base])


@given(st.text(max_size=30), st.sampled_from([0, 1]))
def test_every_text_has_levels(text: str, base: int) -> None:
    text = directions.cleaned(text)
    levels = directions.levels(text, base)
    assert len(levels) == len(text)
    assert sorted(shown(text, base)) == sorted(text)


@pytest.mark.parametrize(
    ("text", "direction", "level"),
    [
        ("Ali", "auto", 0),
        ("علی", "auto", 1),
        ("🎉 (123) علی Ali", "auto", 1),
        ("123", "auto", 0),
        ("علی", "ltr", 0),
        ("Ali", "rtl", 1),
        ("", "auto", 0),
    ],
)
def test_direction_is_that_of_the_first_letter_or_as_said(text: str, direction: str, level: int) -> None:
    assert directions.base_level(text, direction) == level


def test_what_only_confuses_is_taken_out() -> None:
    assert directions.cleaned("a\u2066b\u0000c\u202ed\ufdd0\ud800\n\u200d") == "abc\u202ed\n\u200d"
