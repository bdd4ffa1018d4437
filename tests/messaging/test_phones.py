"""Phone numbers: any notation in, one form out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatboost.messaging import phones


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("1234567890", "+1234567890"),
        ("+1 (555) 010-0123", "+15550100123"),
        ("555.010.0123", "+5550100123"),
        (" +1/555/0100123 ", "+15550100123"),
        ("(+1) 555 0100123", "+15550100123"),
        ("\u202a+1\u00a0555\u20110100123\u202c", "+15550100123"),
        ("\u0661\u0662\u0663\u0664\u0665\u0666\u0667", "+1234567"),
        ("\u06f1\u06f2\u06f3\u06f4\u06f5\u06f6\u06f7", "+1234567"),
        ("0000000", "+0000000"),
        ("123456789012345", "+123456789012345"),
    ],
)
def test_phone_in_any_notation_is_plus_and_digits(text: str, stored: str) -> None:
    assert phones.normalise(text) == stored


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "123456",
        "1234567890123456",
        "call me",
        "555-0100 x3",
        "++15550100123",
        "1555+0100123",
        "1" * 100,
        "½½½½½½½½",
    ],
)
def test_phone_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(phones.PhoneError):
        phones.normalise(text)


@given(st.from_regex(r"[0-9]{7,15}", fullmatch=True), st.sampled_from("-. ()/\u00a0"))
def test_phone_stored_form_stays_as_it_is(digits: str, mark: str) -> None:
    stored = phones.normalise(mark.join(digits))

    assert stored == phones.normalise(stored) == f"+{digits}"


@given(st.text(max_size=80))
def test_phone_of_any_text_is_a_number_or_refused(text: str) -> None:
    try:
        stored = phones.normalise(text)
    except phones.PhoneError:
        return
    assert stored[0] == "+"
    assert stored[1:].isascii()
    assert stored[1:].isdecimal()
    assert 8 <= len(stored) <= 16
