"""Fetching a file from a place that somebody named: guarded, bounded, and never more than once a call.

What goes wrong is a value with a stable code: the place is a user's, and so is the mistake.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from chatboost.core.http import untrusted, waiting
from chatboost.core.http.errors import HttpError, NotSent, OutcomeUnknown, Refused, TooLarge
from chatboost.core.http.response import Head, Response

REDIRECTS: Final = 3
# A host that wants to be left alone for longer is not waited for.
MAX_PAUSE: Final = timedelta(hours=1)
IMAGES: Final[Mapping[str, str]] = {
    "accept": "image/webp,image/jpeg,image/png,image/gif,image/*;q=0.8",
}
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
    """Why there is no file: a stable `code`, and words for people.

    `is_passing`: another try may do better. `pause` is how long the host wants to be left alone.
    """

    code: str
    message: str
    is_passing: bool = False
    pause: timedelta | None = None


def fetch(
    url: str,
    *,
    deadline: timedelta,
    max_bytes: int,
    headers: Mapping[str, str] = IMAGES,
    allowed_private_hosts: Iterable[str] = (),
) -> Fetched | Failure:
    """Call for a file, once, with its redirects. Never raises for anything the network does."""
    try:
        response = untrusted.fetch(
            url,
            deadline=deadline,
            max_bytes=max_bytes,
            headers=headers,
            max_redirects=REDIRECTS,
            allowed_private_hosts=allowed_private_hosts,
        )
    except Refused as error:
        return Failure(code=error.code, message=_sentence(error.message))
    except TooLarge:
        return Failure(code="too_large", message=f"The file is larger than {max_bytes // 2**20} MiB.")
    except NotSent as error:
        return Failure(code="not_reached", message=_sentence(str(error)), is_passing=True)
    except OutcomeUnknown as error:
        return Failure(code="no_answer", message=_sentence(str(error)), is_passing=True)
    except HttpError as error:
        return Failure(code="bad_answer", message=_sentence(str(error)))
    return _judged(response)


def pause_of(answer: Head) -> timedelta | None:
    """Return for how long a host wants to be left alone, at most for an hour."""
    wait = waiting.asked_by(answer)
    return None if wait is None else min(wait, MAX_PAUSE)


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
    pause = pause_of(response) if is_passing else None
    return Failure(code=code, message=f"{message} (HTTP {status})", is_passing=is_passing, pause=pause)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."[:300]
