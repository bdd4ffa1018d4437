"""Items that raise, end the process or eat its memory die; nothing beside them does."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.rig import Rig, await_true, database_url, databases, installation

pytestmark = pytest.mark.proof

GOOD = 500
POISON = {"rig.raise": 10, "rig.exit": 5, "rig.eat": 5}
# As a container's limit: whoever is larger is killed, whatever it was doing.
MEMORY_LIMIT = 700 * 1024**2
PAGE = os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("database", databases())
def test_poison_dies_and_nothing_beside_it(database: str, tmp_path: Path) -> None:
    with installation(tmp_path, database_url(database, tmp_path)) as rig:
        heaps = [{"kind": "rig.note", "organization_id": 1, "first": 1, "count": GOOD}]
        first = 10_000
        for kind, count in POISON.items():
            heaps.append({"kind": kind, "organization_id": 1, "first": first, "count": count})
            first += 1000
        rig.task("enqueue", json.dumps(heaps))
        began = time.monotonic()
        with container(rig, workers=2) as crashes:
            await_true(lambda: not rig.task("report")["open_work"], 240, "work was left over")
        found = rig.task("report")
        dead = found["dead_work"]
        done = {name: count for name, count in found["counters"].items() if name.startswith("rig:")}
        assert done == {f"rig:{number}": 1 for number in range(1, GOOD + 1)}
        assert {kind: sum(item["kind"] == kind for item in dead) for kind in POISON} == POISON
        assert len(dead) == sum(POISON.values())
        assert max(item["crash_count"] for item in dead) == 3
        took = time.monotonic() - began
        print(f"\n{database}: {GOOD} done, {len(dead)} dead, {len(crashes)} processes lost, {took:.0f} s")


class container:  # noqa: N801 used as a function
    """Keeps so many workers running within a memory limit, as an orchestrator does; yields who died."""

    def __init__(self, rig: Rig, *, workers: int) -> None:
        self.rig = rig
        self.pids = [rig.start_worker() for _ in range(workers)]
        self.crashes: list[int] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> list[int]:
        self._thread.start()
        return self.crashes

    def __exit__(self, *args: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(0.02):
            for pid in list(self.pids):
                if resident(pid) > MEMORY_LIMIT:
                    os.kill(pid, signal.SIGKILL)
                if not self.rig.is_alive(pid):
                    self.pids.remove(pid)
                    self.crashes.append(pid)
                    self.pids.append(self.rig.start_worker())


def resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except OSError:
        return 0
