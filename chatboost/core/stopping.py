"""Asking a process to stop from a signal handler.

`threading.Event` can't be set there: a signal may interrupt the very `wait` that holds the event's lock, and
the handler then waits for that lock for ever, in the thread that would have to release it. (Seen with Python
3.11: one in some tens of thousands of signals to a thread that waits in short turns.)
"""

import time

POLL = 0.05


class StopFlag:
    """A flag that any thread, and any signal handler, may set."""

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        """Ask for the stop."""
        self._is_set = True

    def is_set(self) -> bool:
        """Tell whether somebody has asked."""
        return self._is_set

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for it, so many seconds at most; returns whether somebody has asked."""
        ends = None if timeout is None else time.monotonic() + timeout
        while not self._is_set:
            left = POLL if ends is None else min(POLL, ends - time.monotonic())
            if left <= 0:
                break
            time.sleep(left)
        return self._is_set
