"""JSON from callers, read strictly: what PostgreSQL or a browser could not take back is refused at the door.

One answer for bodies, for JSON inside forms, and for texts of any origin. Pure.
"""

import json
import math
from typing import Any, Final

MAX_DEPTH: Final = 32


class Malformed(ValueError):
    """The text is no JSON, or holds what can't be stored; the message says which."""


def loads(raw: bytes | str) -> Any:
    """Return the value: no NaN, Infinity, NUL or lone surrogate, at most `MAX_DEPTH` levels, UTF-8.

    Raises: Malformed.
    """
    try:
        text = raw.decode("utf-8-sig") if isinstance(raw, bytes) else raw
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite_number)
        _check(value, 0)
    except (ValueError, RecursionError) as error:
        raise Malformed(str(error)) from error
    return value


def require_text(text: str) -> None:
    """Make sure that a text can be stored. Raises: Malformed."""
    if "\x00" in text:
        raise Malformed("a string holds a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Malformed("a string holds half a surrogate pair") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite_number(text: str) -> float:
    number = float(text)
    if math.isinf(number):  # 1e400 is well-formed, and no database takes what Python makes of it
        raise ValueError(f"{text[:20]} is too large")
    return number


def _check(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        require_text(value)
    elif isinstance(value, dict):
        for key, entry in value.items():
            require_text(key)
            _check(entry, depth + 1)
    elif isinstance(value, list):
        for entry in value:
            _check(entry, depth + 1)
