"""PostgreSQL crashes and drops connections under load: requests get 503, and nothing is lost or doubled."""

import os
import random
import time
from pathlib import Path

import pytest

from tests.rig import installation
from tests.rig_load import Verdict, await_all_sent, await_no_work, judge
from tests.rig_postgres import BINARIES, Postgres, postgres
from tests.rig_stream import Stream

pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(not BINARIES, reason="needs PostgreSQL's programs"),
]

IS_FULL = os.environ.get("PROOF") == "full"
CRASHES, TERMINATIONS = (5, 100) if IS_FULL else (2, 20)
RECOVERY = 60.0


# A pool waits for a server that comes back, so nothing is refused: slower to show, and less to see.
@pytest.mark.parametrize("pool", ["0", "1"] if IS_FULL else ["0"])
def test_crashes_and_dropped_connections_lose_and_double_nothing(pool: str, tmp_path: Path) -> None:
    with postgres(tmp_path) as database, installation(tmp_path, database.url, DB_POOL=pool) as rig:
        stream = Stream(rig.task("seed_echo")["phone_number_id"], clients=4, pause=0.05)
        rig.start_graph("--phone-number-id", stream.phone_number_id, "--delay", "0.02", "0.3", "--shuffle")
        rig.start_web()
        rig.await_web()
        workers = [rig.start_worker() for _ in range(2)]
        with stream.running(rig):
            harm(database)
            ended = time.monotonic()
        await_all_sent(rig, stream.wanted, patience=RECOVERY)
        await_no_work(rig, patience=RECOVERY)
        took = time.monotonic() - ended
        found = rig.task("report")
        print(
            f"\n{CRASHES} crashes, {TERMINATIONS} dropped connections, {stream.wanted} messages: "
            f"answers {dict(stream.answers)}, all done {took:.1f} s after the last"
        )
        assert set(stream.answers) <= {200, 503}
        assert stream.lost_connections == 0
        assert judge(rig, [stream]) == Verdict(lost=0, doubled=0, disordered=0)
        assert found["receipts"] == found["inbound"] == found["outbound"] == stream.wanted
        assert found["dead_work"] == []
        assert all(rig.is_alive(pid) for pid in [*workers, rig.web])
        assert took < RECOVERY


def harm(database: Postgres) -> None:
    """Crash the server, and close connections between the crashes."""
    rng = random.Random(5)
    for _ in range(CRASHES):
        database.terminate_backends(TERMINATIONS // CRASHES, rng)
        database.crash()
        time.sleep(rng.uniform(0.5, 2))
        database.start()
        time.sleep(rng.uniform(1, 2))
