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
# How often it waits in vain. Loops that make one long call after the other would keep it away for ever, so
# then it runs beside those that are under way.
IN_VAIN = 3
# Seconds for which it stays alone: what has not taken the process along by then goes on beside others.
LONGEST = 5.0

_changed = threading.Condition()
_running = 0
_waiting = 0
# Who is alone, by number; 0 for nobody.
_alone = 0
_last = 0
_in_vain = 0
_not_before = float("-inf")


@contextmanager
def shared() -> Iterator[None]:
    """Run beside others, once nobody is, or waits to be, alone."""
    global _running
    with _changed:
        _changed.wait_for(lambda: not _alone and not _waiting)
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
    mine = _become_alone()
    if not mine:
        yield False
        return
    ending = threading.Timer(LONGEST, _end_alone, [mine])
    ending.daemon = True
    ending.start()
    try:
        yield True
    finally:
        ending.cancel()
        _end_alone(mine)


def _become_alone() -> int:
    """Return the caller's number, or 0 when others run on."""
    global _alone, _last, _waiting, _in_vain, _not_before
    with _changed:
        _waiting += 1
        is_still = _changed.wait_for(lambda: not _alone and not _running, PATIENCE)
        _waiting -= 1
        _in_vain = 0 if is_still else _in_vain + 1
        if is_still or (_in_vain > IN_VAIN and not _alone):
            _in_vain = 0
            _last += 1
            _alone = _last
            return _alone
        _not_before = time.monotonic() + PAUSE
        _changed.notify_all()
        return 0


def _end_alone(number: int) -> None:
    global _alone
    with _changed:
        if _alone == number:
            _alone = 0
            _changed.notify_all()
