"""Phone numbers as people write them, and as we store them. Pure.

No numbering plan is asked: whoever writes to a bot has a number, whatever a table says about it.
"""

import unicodedata
from typing import Final

MIN_DIGITS: Final = 7
MAX_DIGITS: Final = 15
"""Longest international number. Source: ITU-T E.164 (11/2010), 6.2.1."""

# Longer text is no number; it also keeps a huge body from being walked.
MAX_TEXT: Final = 64

# Spaces of any script, dashes, invisible direction marks that a copied number brings along.
_FORMATTING_CATEGORIES: Final = frozenset({"Zs", "Pd", "Cf"})
_FORMATTING: Final = frozenset("()./\t")


class PhoneError(ValueError):
    """The text is no phone number; the message says why."""


def normalise(text: str) -> str:
    """Return `+` and the digits, 7 to 15 of them, in whatever script they were written.

    Raises: PhoneError.
    """
    if len(text) > MAX_TEXT:
        raise PhoneError("This is too long for a phone number.")
    digits = "".join(_digit(character) for character in _without_plus(text))
    if not MIN_DIGITS <= len(digits) <= MAX_DIGITS:
        raise PhoneError(f"A phone number has {MIN_DIGITS} to {MAX_DIGITS} digits.")
    return f"+{digits}"


def _without_plus(text: str) -> str:
    """Drop one leading plus, which may stand behind spaces, marks or a bracket."""
    before, plus, after = text.partition("+")
    if plus and all(_is_formatting(character) for character in before):
        return before + after
    return text


def _digit(character: str) -> str:
    """Return the ASCII digit, or nothing for formatting."""
    value = unicodedata.decimal(character, None)
    if value is not None:
        return str(value)
    if _is_formatting(character):
        return ""
    raise PhoneError("A phone number holds digits, spaces, dashes, dots, brackets and one leading plus.")


def _is_formatting(character: str) -> bool:
    return character in _FORMATTING or unicodedata.category(character) in _FORMATTING_CATEGORIES
