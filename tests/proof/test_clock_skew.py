"""Machines whose clocks are two minutes off, on either side, double nothing and hold nothing up."""

import os
from pathlib import Path

import pytest

from tests.rig import database_url, databases, installation
from tests.rig_load import Load, Verdict, await_all_sent, await_no_work, judge

pytestmark = pytest.mark.proof

SKEWS = (-120.0, 0.0, 120.0)
# As in life: it is the lease that a clock two minutes off would cut short.
LASTING = {
    "WORK_LEASE_SECONDS": "180",
    "SEND_UNKNOWN_GRACE_SECONDS": "75",
    "SEND_UNKNOWN_HOLD_SECONDS": "300",
}
CONTACTS = 100 if os.environ.get("PROOF") == "full" else 30


# SQLite is on one machine, which has one clock.
@pytest.mark.parametrize("database", [name for name in databases() if name == "postgresql"])
def test_clocks_minutes_apart_double_and_delay_nothing(database: str, tmp_path: Path) -> None:
    with installation(tmp_path, database_url(database, tmp_path), **LASTING) as rig:
        load = Load(rig.task("seed_echo")["phone_number_id"], contacts=CONTACTS, per_contact=10)
        rig.start_graph("--phone-number-id", load.phone_number_id, "--delay", "0.02", "0.3")
        rig.start_web()
        rig.await_web()
        for skew in SKEWS:
            rig.start_worker(skew=skew)
        senders = load.start(rig)
        for sender in senders:
            sender.join()
        took = await_all_sent(rig, load.wanted)
        await_no_work(rig)
        assert judge(rig, [load]) == Verdict(lost=0, doubled=0, disordered=0)
        found = rig.task("report")
        assert (found["dead_work"], found["counters"].get("work_lease_expired", 0)) == ([], 0)
        print(f"\n{database}: clocks {SKEWS} s off, {load.wanted} sent, the last after {took:.1f} s")
