"""Compare a value of a run with what an operator wrote.

Equality: as numbers when both sides are such; else as texts, trimmed, without regard to case unless asked
for. A missing value equals an empty text. Order: numbers, ISO dates and other texts, each among themselves;
whatever is missing, empty or of another sort is neither less nor more.
"""

import functools
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from chatboost.core.interpolation_filters import to_text
from flows.engine.values import to_moment, to_number


class Operand:
    """The right side, prepared once. With `keeps_case` two texts are equal letter by letter, even digits."""

    def __init__(self, raw: Any, *, keeps_case: bool) -> None:
        self.raw = raw
        self.keeps_case = keeps_case
        self.folded = self.fold(raw)
        self.number = to_number(raw)
        self.moment: datetime | None = to_moment(raw)

    def fold(self, value: Any) -> str:
        """Return a value as a text in the form of `folded`."""
        text = value if type(value) is str else to_text(value) or ""
        return text.strip() if self.keeps_case else text.strip().casefold()

    @functools.cached_property
    def choices(self) -> list["Operand"]:
        """The items of a list, or of a text with commas."""
        items = self.raw if isinstance(self.raw, list) else (to_text(self.raw) or "").split(",")
        return [Operand(item, keeps_case=self.keeps_case) for item in items]


def equals(left: Any, right: Operand) -> bool:
    """Tell whether both sides are the same number, container or text."""
    is_exact = right.keeps_case and isinstance(left, str) and isinstance(right.raw, str)
    if right.number is not None and not is_exact and (number := to_number(left)) is not None:
        return number == right.number
    if isinstance(left, dict | list) and isinstance(right.raw, dict | list):
        return bool(left == right.raw)
    return right.fold(left) == right.folded


def order(left: Any, right: Operand) -> int | None:
    """Return -1, 0 or 1, or None when the two sides have no order."""
    number, moment, text = to_number(left), to_moment(left), right.fold(left)
    if number is not None and right.number is not None:
        return _sign(number, right.number)
    if moment is not None and right.moment is not None:
        return _sign(moment, right.moment)
    sorts = (number, moment, right.number, right.moment)
    if not text or not right.folded or any(value is not None for value in sorts):
        return None
    return _sign(text, right.folded)


def _sign(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)


def contains(left: Any, right: Operand) -> bool:
    """Tell whether a text holds a text, a list an item, a dict a key."""
    if isinstance(left, list):
        return any(equals(item, right) for item in left)
    if isinstance(left, dict):
        return right.raw in left if isinstance(right.raw, str) else False
    return bool(right.folded) and right.folded in right.fold(left)


def is_empty(left: Any) -> bool:
    """Tell whether a value is missing, blank, or a container without items."""
    return left is None or left in ([], {}) or (isinstance(left, str) and not left.strip())


Compare = Callable[[Any, Operand], bool]

BINARY: Final[dict[str, Compare]] = {
    "==": equals,
    "!=": lambda left, right: not equals(left, right),
    ">": lambda left, right: order(left, right) == 1,
    "<": lambda left, right: order(left, right) == -1,
    ">=": lambda left, right: order(left, right) in (0, 1),
    "<=": lambda left, right: order(left, right) in (0, -1),
    "contains": contains,
    "not_contains": lambda left, right: not contains(left, right),
    "starts_with": lambda left, right: bool(right.folded) and right.fold(left).startswith(right.folded),
    "ends_with": lambda left, right: bool(right.folded) and right.fold(left).endswith(right.folded),
    "in": lambda left, right: any(equals(left, choice) for choice in right.choices),
}

# These ask about the left side alone.
UNARY: Final[dict[str, Compare]] = {
    "exists": lambda left, _right: left is not None,
    "not_exists": lambda left, _right: left is None,
    "is_empty": lambda left, _right: is_empty(left),
}

# A blank right side is a mistake for these, and a question for the others.
NEED_VALUE: Final = frozenset(BINARY) - {"==", "!="}
