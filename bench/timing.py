"""Count how often something can be done in a second, in this process or by its children."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from bench.harness import Figures


def rate(work: Callable[[], object], seconds: float, *, chunk: int = 20, items: int = 1) -> Figures:
    """Call `work` again and again; each call does `items` things. `chunk` calls share a look at the clock."""
    done = 0
    began = time.perf_counter()
    ends = began + seconds
    while (now := time.perf_counter()) < ends:
        for _ in range(chunk):
            work()
        done += chunk
    return {"rate": done * items / (now - began)}


def core_rate(work: Callable[[], object], seconds: float, *, items: int = 1) -> Figures:
    """Call `work` again and again; what counts is a core's time, this process's and its children's.

    Neighbours on the machine take time away from everybody, and this figure leaves it out.
    """
    done = 0
    began = _core_seconds()
    ends = time.perf_counter() + seconds
    while not done or time.perf_counter() < ends:
        work()
        done += 1
    return {"rate": done * items / (_core_seconds() - began)}


def _core_seconds() -> float:
    """Return what this process has had of the processor and, on Linux, its children, living and ended."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in brackets, may hold anything: what follows it is numbered from the state.
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            ticks += int(fields[11]) + int(fields[12])
    ended = os.times()
    living = ticks / os.sysconf("SC_CLK_TCK")
    return time.process_time() + ended.children_user + ended.children_system + living
