"""The one clock. Everything that asks for the time asks here, so a test can set it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from django.utils import timezone

_frozen: ContextVar[datetime | None] = ContextVar("frozen_clock", default=None)


def now() -> datetime:
    """Return the current time, aware, in UTC."""
    return _frozen.get() or timezone.now()


@contextmanager
def frozen(at: datetime) -> Iterator[None]:
    """Hold the clock at one moment for the current thread or task."""
    token = _frozen.set(at)
    try:
        yield
    finally:
        _frozen.reset(token)
