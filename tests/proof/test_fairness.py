"""Three organizations with uneven heaps: while each has work, each gets a third of what is done."""

import json
import os
import time
from pathlib import Path

import pytest

from tests.rig import Rig, await_true, database_url, databases, installation

pytestmark = pytest.mark.proof

SCALE = 10 if os.environ.get("PROOF") == "full" else 1
HEAPS = {1: 3000 * SCALE, 2: 900 * SCALE, 3: 1000 * SCALE}
FIRST = 1_000_000


@pytest.mark.parametrize("database", databases())
def test_each_organization_gets_its_third(database: str, tmp_path: Path) -> None:
    with installation(tmp_path, database_url(database, tmp_path)) as rig:
        # The largest heap lies in front.
        for owner, count in HEAPS.items():
            heap = {"kind": "rig.note", "organization_id": owner, "first": owner * FIRST, "count": count}
            rig.task("enqueue", json.dumps([heap]))
        for _ in range(2):
            rig.start_worker()
        served = await_served(rig, at_least=min(HEAPS.values()))
        shares = {owner: count / sum(served.values()) for owner, count in served.items()}
        assert all(abs(share - 1 / 3) <= 0.05 for share in shares.values()), shares
        await_true(lambda: not rig.task("report")["open_work"], 300, "work was left over")
        print(f"\n{database}: {served}, shares {[round(share, 3) for share in shares.values()]}")


def await_served(rig: Rig, *, at_least: int) -> dict[int, int]:
    """Wait until so many were done in all; returns how many of each, while none has run out."""
    ends = time.monotonic() + 300
    while time.monotonic() < ends:
        counters = rig.task("report")["counters"]
        served = dict.fromkeys(HEAPS, 0)
        for name in counters:
            if name.startswith("rig:"):
                served[int(name[4:]) // FIRST] += 1
        if sum(served.values()) >= at_least:
            assert all(served[owner] < count for owner, count in HEAPS.items()), served
            return served
    raise AssertionError("too slow")
