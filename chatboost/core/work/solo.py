"""Running something with nothing beside it in the process.

An item whose worker died before may be what killed it. It is claimed and run alone, so that if the process
dies again nobody else is suspected, and nobody else's crash is put on it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_changed = threading.Condition()
_running = 0
_is_alone = False
_waiting = 0


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


def is_wanted() -> bool:
    """Tell whether somebody waits to be alone: who runs beside others should come to an end."""
    return _waiting > 0


@contextmanager
def alone() -> Iterator[None]:
    """Run with nothing beside it."""
    global _is_alone, _waiting
    with _changed:
        _waiting += 1
        _changed.wait_for(lambda: not _is_alone and not _running)
        _waiting -= 1
        _is_alone = True
    try:
        yield
    finally:
        with _changed:
            _is_alone = False
            _changed.notify_all()
