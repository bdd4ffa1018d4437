"""Eight clients and four workers write to one SQLite file: nobody is turned away, nobody waits long."""

import os
import time
from pathlib import Path

import pytest

from tests.rig import database_url, installation
from tests.rig_load import Verdict, await_all_sent, await_no_work, judge
from tests.rig_stream import Stream

pytestmark = pytest.mark.proof

IS_FULL = os.environ.get("PROOF") == "full"
SECONDS = 60 if IS_FULL else 15
CLIENTS, WORKERS = 8, 4
# The promise is for an idle machine; elsewhere a wait that only a starved writer has.
P99 = 0.3 if IS_FULL else 3.0


def test_sqlite_keeps_up_with_eight_clients_and_four_workers(tmp_path: Path) -> None:
    with installation(tmp_path, database_url("sqlite", tmp_path)) as rig:
        stream = Stream(rig.task("seed_echo")["phone_number_id"], CLIENTS, pause=0.1)
        rig.start_graph("--phone-number-id", stream.phone_number_id, "--delay", "0.02", "0.3")
        rig.start_web()
        rig.await_web()
        for _ in range(WORKERS):
            rig.start_worker()
        with stream.running(rig):
            time.sleep(SECONDS)
            sent_meanwhile = len(rig.ledger())
        took = await_all_sent(rig, stream.wanted, patience=120)
        await_no_work(rig)
        p50, p99 = stream.percentile(0.5), stream.percentile(0.99)
        print(
            f"\n{stream.wanted} deliveries in {SECONDS} s, p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms; "
            f"{sent_meanwhile} messages sent meanwhile, the rest {took:.1f} s later"
        )
        assert set(stream.answers) == {200}
        assert stream.lost_connections == 0
        assert "is locked" not in rig.log("parent")
        assert judge(rig, [stream]) == Verdict(lost=0, doubled=0, disordered=0)
        assert rig.task("report")["receipts"] == stream.wanted
        assert p99 < P99
