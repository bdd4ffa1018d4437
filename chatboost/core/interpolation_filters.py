"""Write values as text and filter them: the part of `interpolation` that looks at values."""

import functools
import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

Filter = Callable[[Any], Any]
Argument = str | int | None

# Past these digits a number is some identifier or an attack, never a quantity to be formatted.
_MAX_NUMBER_DIGITS: Final = 30
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
_DATE_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
_DATE_DIRECTIVES: Final = frozenset("YymdHMSIpjBbAa%")


class InterpolationError(ValueError):
    """Refuse a text or its result; `code` is stable, the message is for people."""

    def __init__(self, code: str, message: str) -> None:
        """Keep the code beside the message."""
        super().__init__(message)
        self.code = code


def to_text(value: Any) -> str | None:
    """Write a JSON value, a date or a Decimal as text; None for a missing value and for anything else.

    `str()` of an unknown object would run its code, so there is no fallback to it.
    """
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is int or kind is float:
        return _number_text(value)
    if kind is dict or kind is list:
        return _json_text(value)
    if kind is datetime or kind is date:
        return str(value.isoformat())
    if kind is Decimal:
        return f"{value:f}" if abs(value.adjusted()) <= _MAX_NUMBER_DIGITS else None
    return None


def make_filter(name: str, argument: Argument) -> Filter:
    """Return the filter as a function; None goes in and comes out for a missing value.

    Raises: InterpolationError `unknown_filter, bad_argument`.
    """
    make = _MAKERS.get(name)
    if make is None:
        raise InterpolationError("unknown_filter", f"There is no filter {name}; known: {', '.join(_MAKERS)}.")
    return make(argument)


def _number_text(value: int | float) -> str | None:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    try:
        return str(value)
    except ValueError:  # an int past the interpreter's digit limit
        return None


def _json_text(value: Any) -> str | None:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_json_default)
    except (RecursionError, TypeError, ValueError):
        return None


def _json_default(value: object) -> str | None:
    return None if isinstance(value, dict | list) else to_text(value)


def _plain(name: str, change: Callable[[str], str]) -> Callable[[Argument], Filter]:
    def apply(value: Any) -> Any:
        text = to_text(value)
        return None if text is None else change(text)

    def make(argument: Argument) -> Filter:
        if argument is not None:
            raise InterpolationError("bad_argument", f"The filter {name} takes no argument.")
        return apply

    return make


def _title(text: str) -> str:
    # str.title() would write "Ali'S".
    return _WORD.sub(lambda word: word[0].capitalize(), text)


def _default(argument: Argument) -> Filter:
    if argument is None:
        raise InterpolationError("bad_argument", 'The filter default takes a text: default("friend").')
    return lambda value: argument if value is None or value == "" else value


def _number(argument: Argument) -> Filter:
    if isinstance(argument, str) or (argument or 0) > 10:
        raise InterpolationError("bad_argument", "The filter number takes a count of decimals from 0 to 10.")
    return functools.partial(_format_number, decimals=argument)


def _format_number(value: Any, *, decimals: int | None) -> Any:
    """Group thousands by comma; what isn't a number passes unchanged."""
    text = None if type(value) is bool else to_text(value)
    if text is None or len(text) > _MAX_NUMBER_DIGITS:
        return value
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return value
    if not number.is_finite() or abs(number.adjusted()) > _MAX_NUMBER_DIGITS:
        return value
    return f"{number:,f}" if decimals is None else f"{number:,.{decimals}f}"


def _date(argument: Argument) -> Filter:
    pattern = "%Y-%m-%d" if argument is None else argument
    if isinstance(pattern, int) or not _DATE_DIRECTIVES.issuperset(_DATE_DIRECTIVE.findall(pattern)):
        raise InterpolationError("bad_argument", 'The filter date takes a pattern such as "%d.%m.%Y %H:%M".')
    return functools.partial(_format_date, pattern=pattern)


def _format_date(value: Any, *, pattern: str) -> Any:
    """Format a date, a datetime or its ISO text; what isn't one passes unchanged."""
    moment = _moment(value)
    if moment is None:
        return value
    # One known directive at a time: the platform's own reading of "%99999999d" would fill the memory.
    return _DATE_DIRECTIVE.sub(lambda directive: moment.strftime(directive[0]), pattern)


def _moment(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value.strip())
    except ValueError:
        return None


_MAKERS: Final[dict[str, Callable[[Argument], Filter]]] = {
    "upper": _plain("upper", str.upper),
    "lower": _plain("lower", str.lower),
    "title": _plain("title", _title),
    "trim": _plain("trim", str.strip),
    "default": _default,
    "number": _number,
    "date": _date,
}
