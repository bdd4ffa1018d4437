"""Named places where a crash test stops the process. Until `arm` is called they do nothing.

Each stands beside a commit or an outside call: what a power cut there leaves behind must be put right by
whoever comes next.
"""

import os
import signal
import threading

NAMES = frozenset(
    {
        "door.received",
        "door.saved",
        "door.committed",
        "work.leasing",
        "work.claimed",
        "work.loaded",
        "work.applied",
        "work.batch_saved",
        "work.batch_finished",
        "work.batch_committed",
        "work.intent_saved",
        "work.intent_committed",
        "work.calling",
        "work.called",
        "work.effect_called",
        "work.effect_settled",
        "work.effect_finished",
        "work.effect_committed",
        "work.failing",
        "work.failed",
        "sweep.expiring",
        "sweep.expired",
        "sweep.promoting",
        "sweep.promoted",
        "tick.firing",
        "tick.fired",
        "nudge.publishing",
    }
)

_armed: str = ""
_remaining = 0
_signal = signal.SIGKILL
_lock = threading.Lock()


def arm(name: str, *, hits: int = 1, signal_number: signal.Signals = signal.SIGKILL) -> None:
    """Have the process get a signal at the named place, at the n-th time it comes by, once.

    SIGKILL is a power cut, SIGSTOP a long pause. Called by a test's own process, never by the product.

    Raises: ValueError when there is no such place.
    """
    global _armed, _remaining, _signal
    if name not in NAMES:
        raise ValueError(f"no such failpoint: {name}")
    _armed, _remaining, _signal = name, hits, signal_number


def reach(name: str) -> None:
    """Stop here, when this place is armed and has been passed often enough."""
    if name == _armed:
        _count_down()


def _count_down() -> None:
    global _armed, _remaining
    with _lock:
        _remaining -= 1
        if _remaining > 0:
            return
        _armed = ""
    os.kill(os.getpid(), _signal)
