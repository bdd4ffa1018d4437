"""Count how often something can be done in a second, in this process."""

import time
from collections.abc import Callable

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
