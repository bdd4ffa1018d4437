"""Read values as numbers and moments, and measure their depth."""

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

MAX_DEPTH: Final = 32

# Longer digit strings are not quantities, and int() of a huge one is slow.
_MAX_NUMBER_LENGTH: Final = 64
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def to_number(value: Any) -> int | float | None:
    """Read a JSON number or a plain decimal text, in any script's digits; None if it is neither."""
    kind = type(value)
    if kind is int or (kind is float and math.isfinite(value)):
        return value
    if kind is not str or len(value) > _MAX_NUMBER_LENGTH:
        return None
    text = value.strip()
    if not _NUMBER.fullmatch(text):
        return None
    return float(text) if "." in text else int(text)


def to_moment(value: Any) -> datetime | None:
    """Read an ISO date or datetime text; without a zone it is UTC; None if it is neither."""
    if not isinstance(value, str) or not _DATE.match(value.strip()):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def is_shallow(value: Any) -> bool:
    """Tell whether a JSON value nests `MAX_DEPTH` levels at most, which every reader of ours can take."""
    level = [value]
    for _depth in range(MAX_DEPTH):
        level = [child for item in level for child in _children(item)]
        if not level:
            return True
    return False


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
