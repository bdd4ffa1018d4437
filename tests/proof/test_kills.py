"""Workers are killed at random under load: nothing is lost, doubled or out of order."""

import json
import os
import random
import time
from pathlib import Path

import pytest

from tests.rig import Rig, database_url, databases, installation
from tests.rig_load import Load, Verdict, await_all_sent, await_no_work, judge

pytestmark = pytest.mark.proof

IS_FULL = os.environ.get("PROOF") == "full"
KILLS = 300 if IS_FULL else 50
CONTACTS = 100

# What vendors do on a bad day: too many requests, no answer, an answer that is lost after the work was done.
BAD_DAY = [
    {"fault": "error", "status": 429, "code": 130429, "retry_after": "1", "probability": 0.04},
    {"fault": "error", "status": 503, "probability": 0.03},
    {"fault": "accept_then_reset", "probability": 0.03},
    {"fault": "accept_then_500", "probability": 0.03},
]


@pytest.mark.parametrize("database", databases())
def test_killed_workers_lose_double_and_reorder_nothing(database: str, tmp_path: Path) -> None:
    # Kills come a hundred times as often as in life: an innocent item may be hit again while it runs alone.
    with installation(tmp_path, database_url(database, tmp_path), WORK_MAX_CRASHES="6") as rig:
        load = Load(rig.task("seed_echo")["phone_number_id"], contacts=CONTACTS, per_contact=10)
        script = tmp_path / "script.json"
        script.write_text(json.dumps({"rules": BAD_DAY, "seed": 1}))
        rig.start_graph(
            *("--phone-number-id", load.phone_number_id, "--script", str(script)),
            *("--delay", "0.02", "0.3", "--shuffle"),
        )
        rig.start_web()
        rig.await_web()
        senders = load.start(rig)
        kill_at_random(rig)
        for sender in senders:
            sender.join()
        # Echoes of later sends make silence about unclear ones evidence.
        later = Load(load.phone_number_id, contacts=4, per_contact=1, first_contact=CONTACTS)
        for sender in later.start(rig):
            sender.join()
        wanted = load.wanted + later.wanted
        took = await_all_sent(rig, wanted)
        await_no_work(rig)
        assert judge(rig, [load, later]) == Verdict(lost=0, doubled=0, disordered=0)
        found = rig.task("report")
        assert found["receipts"] == found["inbound"] == found["executions"] == found["outbound"] == wanted
        assert found["dead_work"] == []
        listed = len(found["listed"])
        print(
            f"\n{database}: {KILLS} kills, {wanted} messages, all sent {took:.1f} s after the last, "
            f"{listed} listed"
        )


def kill_at_random(rig: Rig) -> None:
    """Kill one of two workers again and again; two are left at the end."""
    rng = random.Random(7)
    workers = [rig.start_worker(), rig.start_worker()]
    for _ in range(KILLS):
        time.sleep(rng.uniform(0.1, 0.6))
        rig.kill(workers.pop(rng.randrange(len(workers))))
        workers.append(rig.start_worker())
