"""Read single fields of a WhatsApp webhook: any value goes in, a usable one or nothing comes out. Pure."""

import math
import re
from datetime import UTC, datetime
from typing import Any

_PHONE = re.compile(r"\+?([0-9]{5,20})")
_USER_ID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9.]{1,150}")
_DIGITS = re.compile(r"[0-9]{1,17}")
_LATEST_SECOND = 4_102_444_800  # the year 2100
_FIRST_MILLISECOND = 10**11
_FIRST_MICROSECOND = 10**14


def mapping(value: object) -> dict[str, Any]:
    """Return the object, or an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[dict[str, Any]]:
    """Return the objects of a list, or none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: object) -> str | None:
    """Return non-empty text."""
    return value if isinstance(value, str) and value else None


def identifier(value: object) -> str | None:
    """Return an id, which JSON may carry as text or as a number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return text(value)


def phone(value: object) -> str | None:
    """Return "+digits" for a phone number or a `wa_id`; None for anything else, also a business-scoped id."""
    match = _PHONE.fullmatch(identifier(value) or "")
    return f"+{match.group(1)}" if match else None


def user_id(value: object) -> str | None:
    """Return a business-scoped user id such as `US.13491208655302741918`.

    Source: WhatsApp manual, "Business-scoped user IDs": country code, a dot, up to 128 letters and digits; a
    parent id has `ENT.` between.
    """
    return value if isinstance(value, str) and _USER_ID.fullmatch(value) else None


def moment(value: object) -> datetime | None:
    """Return a Unix time, text or number, seconds or finer, as an aware datetime in UTC.

    Seconds are documented; production systems have seen milliseconds.
    """
    digits = identifier(value) or ""
    if not _DIGITS.fullmatch(digits):
        return None
    seconds = float(digits)
    if seconds >= _FIRST_MICROSECOND:
        seconds /= 1_000_000
    elif seconds >= _FIRST_MILLISECOND:
        seconds /= 1000
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < _LATEST_SECOND else None


def number(value: object) -> float | None:
    """Return a finite number, which JSON may carry as text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        result = float(value)
    except (ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None


def integer(value: object) -> int | None:
    """Return a whole number, which JSON may carry as text or with a fraction of zero."""
    result = number(value)
    return int(result) if result is not None and result.is_integer() and abs(result) < 2**53 else None


def present(**fields: object) -> dict[str, Any]:
    """Return the fields that hold something, so that stored content has no empty keys."""
    return {name: value for name, value in fields.items() if value is not None}
