"""Who wants to be left alone until when, for calls that were prepared before anybody knew.

The rows of sources and accounts are what counts; they are asked before a call is prepared. This is asked
right before it goes out, in a thread without a database: what another call of this process has just been
told, and, where processes share a cache, one of another's.
"""

import threading
from datetime import datetime, timedelta
from typing import Final

from django.core.cache import cache

from chatboost.core import clock

# Nobody is waited for longer without being asked again.
LONGEST: Final = timedelta(hours=24)
_KEY: Final = "invitations:pause:{}"

_lock = threading.Lock()
_known: dict[str, datetime] = {}


class Paused(Exception):
    """The call must not go out before `until`."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"paused until {until:%H:%M:%S}")
        self.until = until


def note(name: str, until: datetime) -> datetime:
    """Have nobody call `name` before then; a longer pause stays. Returns what counts, cut at a day."""
    until = min(until, clock.now() + LONGEST)
    with _lock:
        until = _known[name] = max(until, _known.get(name, until))
    left = until - clock.now()
    if left > timedelta():
        cache.set(_KEY.format(name), until, left.total_seconds())
    return until


def check(name: str) -> None:
    """Return when a call may go out. Raises: Paused."""
    until = until_of(name)
    if until is not None:
        raise Paused(until)


def until_of(name: str) -> datetime | None:
    """Return until when nobody may call `name`; None when one may."""
    told = [until for until in (_known.get(name), cache.get(_KEY.format(name))) if until is not None]
    latest = max(told, default=None)
    return latest if latest is not None and latest > clock.now() else None


def forget() -> None:
    """Forget what this process knows."""
    with _lock:
        _known.clear()
