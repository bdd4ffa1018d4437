"""Running something with nothing beside it in the process.

An item whose worker died before may be what killed it. It is claimed and run alone, so that if the process
dies again nobody else is suspected, and nobody else's crash is put on it.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

# Seconds for which all others may be kept from beginning, and the pause before they are again: a vendor
# that hangs would otherwise hold up every loop of the process.
PATIENCE = 1.0
PAUSE = 5.0

_changed = threading.Condition()
_running = 0
_is_alone = False
_waiting = 0
_not_before = float("-inf")


@contextmanager
def shared() -> Iterator[None]:
    """Run beside others, once nobody is, or waits to be, alone."""
    global _running
    with _changed:
        _changed.wait_for(lambda: not _is_alone and not _waiting)
        _running += 1
    try:
        yield
    finally:
        with _changed:
            _running -= 1
            _changed.notify_all()


def is_possible() -> bool:
    """Tell whether it is worth asking: not soon after somebody waited in vain."""
    return time.monotonic() >= _not_before


@contextmanager
def alone() -> Iterator[bool]:
    """Run with nothing beside it. Yields whether that is so: what runs may take too long to wait for."""
    is_mine = _become_alone()
    try:
        yield is_mine
    finally:
        if is_mine:
            _end_alone()


def _become_alone() -> bool:
    global _is_alone, _waiting, _not_before
    with _changed:
        _waiting += 1
        is_mine = _changed.wait_for(lambda: not _is_alone and not _running, PATIENCE)
        _waiting -= 1
        if is_mine:
            _is_alone = True
        else:
            _not_before = time.monotonic() + PAUSE
            _changed.notify_all()
        return is_mine


def _end_alone() -> None:
    global _is_alone
    with _changed:
        _is_alone = False
        _changed.notify_all()
