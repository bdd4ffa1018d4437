"""Read JSON from outside so that whatever comes out can be stored, hashed and written as JSON again. Pure.

Postgres refuses NUL characters and halves of surrogate pairs in text, and NaN or infinities in JSON; Python
accepts all of them. Very deep values would break any later recursive reader.
"""

import hashlib
import json
import math
import re
from typing import Any

MAX_DEPTH = 40
_MAX_INTEGER_DIGITS = 18
_MAX_INTEGER_BITS = 63
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# How JSON in UTF-8 may spell such a character; the characters themselves it can't hold.
_MAY_BE_UNSTORABLE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


class Unreadable(ValueError):
    """The bytes aren't JSON in UTF-8, or are nested beyond reading."""


def load(raw: bytes) -> Any:
    """Parse and clean.

    Raises:
        Unreadable: not UTF-8, not JSON, or nested thousands deep.
    """
    try:
        parsed = json.loads(
            raw.decode("utf-8"), parse_int=_integer, parse_float=_number, parse_constant=_nothing
        )
    except (ValueError, RecursionError) as problem:
        raise Unreadable(type(problem).__name__) from problem
    # Numbers are clean already. Most deliveries need no more, and a second walk costs as much as the first.
    is_shallow = raw.count(b"{") + raw.count(b"[") <= MAX_DEPTH
    return parsed if is_shallow and _MAY_BE_UNSTORABLE.search(raw) is None else clean(parsed)


def clean(value: Any, depth: int = 0) -> Any:
    """Return the value with unstorable characters replaced, and None for what lies below `MAX_DEPTH`."""
    if isinstance(value, str):
        return clean_text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= _MAX_INTEGER_BITS else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth >= MAX_DEPTH:
        return None
    if isinstance(value, dict):
        return {clean_text(str(key)): clean(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item, depth + 1) for item in value]
    return None


def clean_text(text: str) -> str:
    """Return the text without NUL, and with U+FFFD for each half of a surrogate pair."""
    if _UNSTORABLE.search(text) is None:
        return text
    return text.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def digest(value: Any) -> str:
    """Return the SHA-256, in hexadecimal, of a cleaned value's canonical form: sorted keys, no spaces."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _integer(digits: str) -> int | str:
    """Keep a number no column can hold as its text, which also avoids Python's limit on digits."""
    return int(digits) if len(digits) <= _MAX_INTEGER_DIGITS else digits


def _number(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _nothing(constant: str) -> None:
    """Take NaN and the infinities, which are no JSON, for nothing."""
