"""The broker is only a doorbell: flushed, restarted or gone, it costs no message, and work goes on."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.rig import Arm, Rig, await_true, database_url, installation
from tests.rig_broker import BINARY, QUEUES, Broker, broker, celery
from tests.rig_load import Load, Verdict, await_all_sent, await_no_work, judge
from tests.rig_stream import Stream

pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(BINARY is None, reason="no embedded Valkey for this system"),
]

IS_FULL = os.environ.get("PROOF") == "full"
FLUSHES, OUTAGE = (10, 60.0) if IS_FULL else (5, 10.0)
FLUSHES_WITHOUT_PUMP = 3
# Beat sweeps every five seconds.
SWEEP_PATIENCE = 30.0
PATIENCE = 60.0


def test_broken_broker_loses_doubles_and_delays_nothing(tmp_path: Path) -> None:
    with (
        broker(tmp_path) as bell,
        installation(tmp_path, database_url("sqlite", tmp_path), **uses(bell)) as rig,
    ):
        stream = begin(rig)
        with celery(rig):
            pump = rig.start_worker()
            with stream.running(rig):
                before, meanwhile = harm(rig, bell)
            await_all_sent(rig, stream.wanted, patience=PATIENCE)
            # From here on there is nobody but Celery.
            rig.ask_to_end(pump)
            alone = Load(stream.phone_number_id, contacts=10, per_contact=2)
            for thread in alone.start(rig):
                thread.join()
            took = await_all_sent(rig, stream.wanted + alone.wanted, patience=PATIENCE)
            await_no_work(rig, patience=PATIENCE)
        assert_nothing_went_wrong(rig, stream, alone)
        print(
            f"\n{FLUSHES} flushes, a restart, {OUTAGE:.0f} s without: {stream.wanted} messages, "
            f"{meanwhile:.0f} a second without a broker, {before:.0f} with; "
            f"then Celery alone: {alone.wanted} in {took:.1f} s"
        )
        assert meanwhile >= 0.3 * before


def test_flushed_broker_without_a_pump_is_made_up_for_by_the_sweep(tmp_path: Path) -> None:
    with (
        broker(tmp_path) as bell,
        installation(tmp_path, database_url("sqlite", tmp_path), **uses(bell)) as rig,
    ):
        number = begin(rig).phone_number_id
        loads: list[Load] = []
        longest = 0.0
        with celery(rig):
            for turn in range(FLUSHES_WITHOUT_PUMP):
                load = Load(number, contacts=8, per_contact=3, first_contact=turn * 8)
                loads.append(load)
                threads = load.start(rig)
                while any(thread.is_alive() for thread in threads):
                    bell.flush()
                    time.sleep(0.05)
                wanted = sum(load.wanted for load in loads)
                longest = max(longest, await_all_sent(rig, wanted, patience=SWEEP_PATIENCE))
            await_no_work(rig, patience=PATIENCE)
        assert_nothing_went_wrong(rig, *loads)
        print(
            f"\n{FLUSHES_WITHOUT_PUMP} flushes without a pump: all sent {longest:.1f} s later at the latest"
        )


def test_power_cut_while_the_doorbell_rings_loses_nothing(tmp_path: Path) -> None:
    with (
        broker(tmp_path) as bell,
        installation(tmp_path, database_url("sqlite", tmp_path), **uses(bell)) as rig,
    ):
        number = begin(rig).phone_number_id
        rig.kill(rig.web)
        victim = rig.start_web(Arm("nudge.publishing", hits=3))
        load = Load(number, contacts=8, per_contact=3)
        with celery(rig):
            threads = load.start(rig)
            await_true(lambda: not rig.is_alive(victim), PATIENCE, "the doorbell never rang")
            assert rig.ended[victim] == -signal.SIGKILL
            rig.start_web()
            for thread in threads:
                thread.join()
            took = await_all_sent(rig, load.wanted, patience=SWEEP_PATIENCE)
            await_no_work(rig, patience=PATIENCE)
        assert_nothing_went_wrong(rig, load)
        print(f"\na power cut at the doorbell: {load.wanted} messages sent within {took:.1f} s")


def harm(rig: Rig, bell: Broker) -> tuple[float, float]:
    """Flush, restart and stop the broker; returns how many messages a second were sent with and without."""
    rng = random.Random(3)
    for _ in range(FLUSHES):
        time.sleep(rng.uniform(0.5, 1.5))
        bell.flush()
    bell.stop(signal.SIGKILL)
    bell.start()
    before = sent_within(rig, OUTAGE / 2)
    bell.stop(signal.SIGKILL)
    meanwhile = sent_within(rig, OUTAGE)
    bell.start()
    return before, meanwhile


def uses(bell: Broker) -> dict[str, str]:
    """Return the settings of an installation whose every queue is served by Celery."""
    return {
        "REDIS_URL": bell.url,
        "WORK_CELERY_QUEUES": QUEUES,
        # A lease outlives Celery's hard limit, which outlives a drain's ten seconds.
        "WORK_LEASE_SECONDS": "20",
        "CELERY_TASK_TIME_LIMIT": "15",
        "CELERY_TASK_SOFT_TIME_LIMIT": "12",
    }


def begin(rig: Rig) -> Stream:
    """Start the vendor and the web process."""
    stream = Stream(rig.task("seed_echo")["phone_number_id"], clients=3, pause=0.1)
    rig.start_graph("--phone-number-id", stream.phone_number_id, "--delay", "0.02", "0.3", "--shuffle")
    rig.start_web()
    rig.await_web()
    return stream


def sent_within(rig: Rig, seconds: float) -> float:
    """Wait, and return how many messages a second were sent meanwhile."""
    before = len(rig.ledger())
    time.sleep(seconds)
    return (len(rig.ledger()) - before) / seconds


def assert_nothing_went_wrong(rig: Rig, *loads: Load | Stream) -> None:
    """Compare what the vendor saw, and what the database holds, with the plan."""
    assert judge(rig, loads) == Verdict(lost=0, doubled=0, disordered=0)
    found = rig.task("report")
    wanted = sum(load.wanted for load in loads)
    assert found["receipts"] == found["inbound"] == found["outbound"] == wanted
    assert found["dead_work"] == []
