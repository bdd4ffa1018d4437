"""A stop that is asked for from a signal handler, wherever the signal strikes."""

import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

from chatboost.core.stopping import StopFlag


def test_wait_ends_when_a_signal_handler_sets_the_flag() -> None:
    flag = StopFlag()
    before = signal.signal(signal.SIGUSR1, lambda *_: flag.set())
    try:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        assert flag.wait(10)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_wait_for_nobody_ends_after_its_time() -> None:
    flag = StopFlag()
    began = time.monotonic()
    assert not flag.wait(0.02)
    assert 0.02 <= time.monotonic() - began < 1
    assert not flag.is_set()


def test_flag_set_between_any_two_lines_of_a_wait_blocks_nobody() -> None:
    assert ends_when_set_at_every_line(StopFlag())


def test_an_event_would_block_for_ever() -> None:
    assert not ends_when_set_at_every_line(threading.Event())


def ends_when_set_at_every_line(flag: Any) -> bool:
    """Wait with somebody setting the flag within the waiting thread, as a signal's handler does."""

    def strike(frame: FrameType, event: str, argument: Any) -> Any:
        # A handler is not interrupted by itself.
        sys.settrace(None)
        flag.set()
        sys.settrace(strike)
        return strike

    def wait() -> None:
        sys.settrace(strike)
        flag.wait(0.01)
        sys.settrace(None)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    thread.join(2)
    return not thread.is_alive()
