"""A pool's children, as the kernel sees them."""

import os
import time
from collections.abc import Callable
from pathlib import Path


def children(parent: int | None = None) -> list[int]:
    """Return the codec's processes below a process."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "status").read_text()
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if f"\nPPid:\t{parent or os.getpid()}\n" in status and b"compression.codec" in command:
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


def wait_until(is_true: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_true():
            return True
        time.sleep(0.01)
    return False
