"""Values of contact attributes: read by type, stored as plain JSON, found by their text. Pure.

string    text; a number, a truth or JSON becomes its text
number    a finite number, or the text of one ("25", "-2.5")
boolean   true or false; also "yes", "no", "on", "off", "1", "0" in any case
json      any JSON value; a text is parsed ("{…}")
date      "2030-12-31", also cut from a date and time
datetime  ISO 8601; stored in UTC with a Z; without a zone it is read as UTC
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from chatboost.core.interpolation_filters import to_text

MAX_BYTES: Final = 8 * 1024
"""Largest value, as JSON in UTF-8."""

MAX_DEPTH: Final = 32
SEARCH_LENGTH: Final = 200
"""How much of a value's text counts when contacts are searched for it."""

KEY_PATTERN: Final = r"[A-Za-z_][A-Za-z0-9_.-]{0,63}"

_KEY = re.compile(KEY_PATTERN)
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
_MAX_NUMBER_LENGTH: Final = 64
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})


class AttributeValueError(ValueError):
    """The value does not fit its type, or no database could keep it; the message says why."""


def is_key(text: str) -> bool:
    """Tell whether a text may name an attribute."""
    return _KEY.fullmatch(text) is not None


def coerce(value: Any, value_type: str) -> Any:
    """Return the value as plain JSON of the wanted type.

    Raises: AttributeValueError.
    """
    reader = _READERS.get(value_type)
    if reader is None:
        raise AttributeValueError(f"There is no such type; known: {', '.join(_READERS)}.")
    result = reader(value)
    _require_storable(result)
    return result


def search_text(value: Any) -> str:
    """Return the text by which a stored value is found: its first 200 characters, case kept.

    A number is written in its shortest form (25.0 as 25), JSON without spaces and with sorted keys.
    """
    return _plain_text(value)[:SEARCH_LENGTH]


def search_terms(text: str) -> dict[str, str]:
    """Map each type that the text can be read as to the search text it would be stored with."""
    terms = {}
    for value_type in _READERS:
        try:
            terms[value_type] = search_text(coerce(text, value_type))
        except AttributeValueError:
            continue
    return terms


def _plain_text(value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _string(value: Any) -> str:
    text = to_text(value)
    if text is None:
        raise AttributeValueError("Not a text.")
    return text


def _number(value: Any) -> int | float:
    if type(value) in (int, float):
        return value
    text = value.strip() if isinstance(value, str) and len(value) <= _MAX_NUMBER_LENGTH else ""
    if not _NUMBER.fullmatch(text):
        raise AttributeValueError("Not a number.")
    return int(text) if text.lstrip("+-").isdecimal() else float(text)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower() if isinstance(value, str | int) else ""
    if text not in _TRUE and text not in _FALSE:
        raise AttributeValueError("Not true or false.")
    return text in _TRUE


def _json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise AttributeValueError("Not JSON.") from error


def _date(value: Any) -> str:
    return _moment(value, "Not a date: write 2030-12-31.").date().isoformat()


def _datetime(value: Any) -> str:
    complaint = "Not a date and time: write 2030-12-31T18:30:00Z."
    moment = _moment(value, complaint)
    try:
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError as error:  # the first or last day there is, moved by its zone
        raise AttributeValueError(complaint) from error


def _moment(value: Any, complaint: str) -> datetime:
    text = value.strip() if isinstance(value, str) else ""
    if not _DATE.match(text):
        raise AttributeValueError(complaint)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise AttributeValueError(complaint) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _require_storable(value: Any) -> None:
    """Refuse what JSON, PostgreSQL or a reader of ours can't take back. Raises AttributeValueError."""
    _walk(value, 0)
    try:
        size = len(json.dumps(value, ensure_ascii=False, allow_nan=False).encode())
    except (TypeError, ValueError) as error:  # an int of thousands of digits, half a surrogate pair, a set
        raise AttributeValueError("Not a value that can be stored.") from error
    if size > MAX_BYTES:
        raise AttributeValueError(f"Longer than {MAX_BYTES // 1024} KiB.")


def _walk(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise AttributeValueError(f"Nested deeper than {MAX_DEPTH} levels.")
    match value:
        case str() if "\x00" in value:
            raise AttributeValueError("A text holds a NUL character.")
        case float() if not math.isfinite(value):
            raise AttributeValueError("Not a finite number.")
        case dict():
            for key, entry in value.items():
                _walk(key, depth)
                _walk(entry, depth + 1)
        case list():
            for entry in value:
                _walk(entry, depth + 1)


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = MappingProxyType(
    {
        "string": _string,
        "number": _number,
        "boolean": _boolean,
        "json": _json,
        "date": _date,
        "datetime": _datetime,
    }
)
