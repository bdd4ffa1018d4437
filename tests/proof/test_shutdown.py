"""A process that is asked to end finishes what is under way, and what it has not begun waits in line."""

import json
from pathlib import Path

import pytest

from tests.rig import await_true, database_url, installation
from tests.rig_load import Load, Verdict, await_all_sent, await_no_work, judge

pytestmark = pytest.mark.proof

CONTACTS = 40
# A vendor that takes its time, within the rig's deadline of a second.
HOLD = {"rules": [{"fault": "hold", "seconds": 0.5}], "seed": 1}
# Less than the rig waits before it resends what is unclear.
PATIENCE = 8.0


@pytest.mark.parametrize("is_embedded", [True, False], ids=["pump in the web process", "pump by itself"])
def test_asked_to_end_it_leaves_nothing_unclear(is_embedded: bool, tmp_path: Path) -> None:
    more = {"CHATBOOST_EMBEDDED_PUMP": "1"} if is_embedded else {}
    with installation(tmp_path, database_url("sqlite", tmp_path), **more) as rig:
        load = Load(rig.task("seed_echo")["phone_number_id"], contacts=CONTACTS, per_contact=1)
        script = tmp_path / "script.json"
        script.write_text(json.dumps(HOLD))
        rig.start_graph("--phone-number-id", load.phone_number_id, "--script", str(script))
        web = rig.start_web()
        rig.await_web()
        pump = web if is_embedded else rig.start_worker()
        for sender in load.start(rig):
            sender.join()
        await_true(lambda: len(rig.ledger()) > 2, 20, "nothing was sent")

        rig.ask_to_end(pump)

        left = rig.task("report")
        assert left["by_status"].keys() <= {"sent", "delivered", "read", "queued"}
        assert left["by_status"]["sent"] < load.wanted
        rig.start_web() if is_embedded else rig.start_worker()
        await_all_sent(rig, load.wanted, patience=PATIENCE)
        await_no_work(rig)
        assert judge(rig, [load]) == Verdict(lost=0, doubled=0, disordered=0)
        assert "work_lease_expired" not in rig.task("report")["counters"]
