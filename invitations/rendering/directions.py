"""Which parts of a text run from right to left, and in which order they are shown.

Source: Unicode Standard Annex 9. Levels come from python-bidi; isolates (LRI to PDI) count as absent.
"""

import unicodedata
from collections.abc import Sequence
from typing import TypeVar

_RIGHT_TO_LEFT = frozenset(("R", "AL", "RLE", "RLO", "AN"))
_ISOLATES = dict.fromkeys((0x2066, 0x2067, 0x2068, 0x2069))

Item = TypeVar("Item")


def cleaned(text: str) -> str:
    """Return a text without what only confuses: isolates and characters that control nothing here."""
    return "".join(
        char
        for char in text.translate(_ISOLATES)
        if char in "\n\t" or not (unicodedata.category(char) in ("Cc", "Cs") or _is_noncharacter(ord(char)))
    )


def _is_noncharacter(code: int) -> bool:
    """Tell what no character will ever be. Others may only be newer than Python's tables."""
    return 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE


def base_level(text: str, direction: str) -> int:
    """Return 1 if a paragraph runs from right to left: as it says, or by its first strong character."""
    if direction != "auto":
        return int(direction == "rtl")
    for char in text:
        kind = unicodedata.bidirectional(char)
        if kind in ("R", "AL"):
            return 1
        if kind == "L":
            return 0
    return 0


def levels(text: str, base: int) -> list[int]:
    """Return each character's level: odd ones run from right to left."""
    if base == 0 and not any(unicodedata.bidirectional(char) in _RIGHT_TO_LEFT for char in text):
        return [0] * len(text)
    from bidi import algorithm

    storage = algorithm.get_empty_storage()
    storage["base_level"] = base
    storage["base_dir"] = ("L", "R")[base]
    algorithm.get_embedding_levels("".join(map(_known, text)), storage)
    for at, char in enumerate(storage["chars"]):
        char["at"] = at
    algorithm.explicit_embed_and_overrides(storage)
    algorithm.resolve_weak_types(storage)
    algorithm.resolve_neutral_types(storage, False)
    algorithm.resolve_implicit_levels(storage, False)
    found = [base] * len(text)
    for char in storage["chars"]:
        found[char["at"]] = char["level"]
    return found


def _known(char: str) -> str:
    """Return a character, or one of its kind in the place of one that is newer than Python's tables."""
    if unicodedata.bidirectional(char):
        return char
    code = ord(char)
    is_right_to_left = 0x0590 <= code <= 0x08FF or 0x10800 <= code <= 0x10FFF or 0x1E800 <= code <= 0x1EFFF
    return "א" if is_right_to_left else "□"


def in_sight(items: Sequence[tuple[int, Item]]) -> list[Item]:
    """Bring a line's runs, each behind its level, from the order of reading into that of sight (rule L2)."""
    shown = list(items)
    most = max((level for level, _ in shown), default=0)
    lowest = min((level | 1 for level, _ in shown), default=1)
    for level in range(most, lowest - 1, -1):
        start = 0
        while start < len(shown):
            end = start
            while end < len(shown) and shown[end][0] >= level:
                end += 1
            shown[start:end] = shown[start:end][::-1]
            start = max(end, start + 1)
    return [item for _, item in shown]
