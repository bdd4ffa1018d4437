"""One point in time by which a whole call must have ended."""

import time
from datetime import timedelta


class DeadlinePassed(TimeoutError):
    """The call's time is used up."""


class Deadline:
    """A moment on the monotonic clock, `limit` after its creation."""

    __slots__ = ("_at",)

    def __init__(self, limit: timedelta) -> None:
        self._at = time.monotonic() + limit.total_seconds()

    def remaining(self) -> float:
        """Return the seconds left, always above zero.

        Raises: DeadlinePassed when there are none.
        """
        left = self._at - time.monotonic()
        if left <= 0:
            raise DeadlinePassed("deadline passed")
        return left
