"""The one clock. Everything that asks for the time asks here, so a test can set it.

Machines that share a PostgreSQL follow its clock: leases and waits are compared across machines, and one
whose clock is minutes off would end another's lease while it works.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.utils import timezone

logger = structlog.get_logger(__name__)

# Less than this is how clocks are, and what a round trip hides.
TOLERANCE = timedelta(seconds=1)
MEASURE_EVERY = timedelta(seconds=30)

_offset = timedelta()
_measured_at = float("-inf")

_frozen: ContextVar[datetime | None] = ContextVar("frozen_clock", default=None)


def now() -> datetime:
    """Return the current time, aware, in UTC."""
    return _frozen.get() or timezone.now() + _offset


@contextmanager
def frozen(at: datetime) -> Iterator[None]:
    """Hold the clock at one moment for the current thread or task."""
    token = _frozen.set(at)
    try:
        yield
    finally:
        _frozen.reset(token)


def follow(connection: Any, **kwargs: Any) -> None:
    """Measure how far the database's clock is from ours, and go by it when that matters.

    Called at each new connection and by the sweep; asks PostgreSQL at most twice a minute. An answer that
    took its time says nothing of when it was given: it is not used, and the next caller asks again. SQLite
    has this machine's clock.
    """
    global _offset, _measured_at
    if connection.vendor != "postgresql" or time.monotonic() - _measured_at < MEASURE_EVERY.total_seconds():
        return
    before, began = timezone.now(), time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (theirs,) = cursor.fetchone()
    if time.monotonic() - began > TOLERANCE.total_seconds():
        return
    _measured_at = time.monotonic()
    found = theirs - (before + (timezone.now() - before) / 2)
    if abs(found) > TOLERANCE:
        logger.warning("clock_is_off", seconds=found.total_seconds())
    _offset = found if abs(found) > TOLERANCE else timedelta()
