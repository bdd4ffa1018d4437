"""Fetching an image from a place that somebody named: guarded, bounded, and never more than once a call."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from django.conf import settings

from chatboost.core import clock
from chatboost.core.http import untrusted
from chatboost.core.http.errors import HttpError, NotSent, OutcomeUnknown, Refused, TooLarge
from chatboost.core.http.response import Response
from compression import demo_pictures

REDIRECTS: Final = 3
# A host that wants to be left alone for longer is not waited for.
MAX_PAUSE: Final = timedelta(hours=1)
_HEADERS: Final = {"accept": "image/webp,image/jpeg,image/png,image/gif,image/*;q=0.8"}
_NAMES: Final[dict[int, tuple[str, str]]] = {
    401: ("access_refused", "The server wants a sign-in."),
    403: ("access_refused", "The server refuses access."),
    404: ("not_found", "There is nothing at this address."),
    410: ("not_found", "There is nothing at this address any more."),
    408: ("server_error", "The server gave up waiting."),
    425: ("server_error", "The server asks to come back later."),
    429: ("rate_limited", "The server refuses so many calls."),
}
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came."""

    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why there is no image: a stable `code`, and words for people.

    `is_passing`: another try may do better. `pause` is how long the host wants to be left alone.
    """

    code: str
    message: str
    is_passing: bool = False
    pause: timedelta | None = None


def fetch(url: str) -> Fetched | Failure:
    """Call for an image, once, with its redirects. Asks no database."""
    try:
        response = untrusted.fetch(
            url,
            deadline=settings.COMPRESSION_FETCH_DEADLINE,
            max_bytes=settings.COMPRESSION_FETCH_MAX_BYTES,
            headers=_HEADERS,
            max_redirects=REDIRECTS,
            allowed_private_hosts=frozenset(_private_hosts(url)),
        )
    except Refused as error:
        return Failure(code=error.code, message=_sentence(error.message))
    except TooLarge:
        most = settings.COMPRESSION_FETCH_MAX_BYTES // 2**20
        return Failure(code="too_large", message=f"The file is larger than {most} MiB.")
    except NotSent as error:
        return Failure(code="not_reached", message=_sentence(str(error)), is_passing=True)
    except OutcomeUnknown as error:
        return Failure(code="no_answer", message=_sentence(str(error)), is_passing=True)
    except HttpError as error:
        return Failure(code="bad_answer", message=_sentence(str(error)))
    return _judged(response)


def _judged(response: Response) -> Fetched | Failure:
    if not response.is_success:
        return _refused(response)
    if not response.body:
        return Failure(code="empty", message="The file is empty.")
    return Fetched(response.body)


def _refused(response: Response) -> Failure:
    status = response.status
    is_passing = status in _PASSING
    other = "server_error" if status >= 500 else "bad_answer"
    code, message = _NAMES.get(status, (other, "The server answers with an error."))
    pause = retry_after(response.headers.get("retry-after", "")) if is_passing else None
    return Failure(code=code, message=f"{message} (HTTP {status})", is_passing=is_passing, pause=pause)


def retry_after(text: str) -> timedelta | None:
    """Read a Retry-After field, seconds or a date, cut at an hour. Source: RFC 9110 §10.2.3."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), MAX_PAUSE)
    try:
        until = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    left = (until if until.tzinfo else until.replace(tzinfo=UTC)) - clock.now()
    return min(max(left, timedelta()), MAX_PAUSE)


def _private_hosts(url: str) -> Iterator[str]:
    """Return the private hosts that this URL may lead to; the demo's own only to its pictures."""
    yield from settings.FETCH_ALLOWED_PRIVATE_HOSTS
    if demo_pictures.is_own(url):
        yield demo_pictures.own_host()


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."[:300]
