"""How long a peer asks its callers to wait."""

import email.utils
from datetime import UTC, datetime, timedelta

from chatboost.core.http.response import Head

MAX_WAIT = timedelta(days=1)


def asked_by(answer: Head) -> timedelta | None:
    """Read Retry-After, seconds or an HTTP date, capped at a day. None where it's absent or unreadable.

    Source: RFC 9110 section 10.2.3. A date is measured against the answer's own Date, so a wrong clock of
    ours doesn't count.
    """
    value = answer.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdecimal():
        # More digits than a day's seconds have is the cap anyway, and keeps timedelta from overflowing.
        return MAX_WAIT if len(value) > 6 else min(timedelta(seconds=int(value)), MAX_WAIT)
    at, answered_at = _http_date(value), _http_date(answer.headers.get("date", ""))
    if at is None or answered_at is None:
        return None
    return min(max(at - answered_at, timedelta()), MAX_WAIT)


def _http_date(value: str) -> datetime | None:
    try:
        at = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
