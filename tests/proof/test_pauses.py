"""Workers that stop in their tracks until their lease is over: when they go on, they change nothing."""

import json
import os
import random
import signal
from pathlib import Path

import pytest

from tests.rig import Arm, Rig, await_true, database_url, databases, installation
from tests.rig_load import Load, Verdict, await_all_sent, await_no_work, judge

pytestmark = pytest.mark.proof

ROUNDS = 5 if os.environ.get("PROOF") == "full" else 1
AT_ONCE = 10
# Outside transactions: on SQLite, whoever stops inside one holds the only write lock.
PLACES = ["work.claimed", "work.intent_committed", "work.called", "work.effect_called"]
PATIENCE = 40.0


@pytest.mark.parametrize("database", databases())
def test_pauses_beyond_the_lease_lose_double_and_reorder_nothing(database: str, tmp_path: Path) -> None:
    with installation(tmp_path, database_url(database, tmp_path)) as rig:
        number = rig.task("seed_echo")["phone_number_id"]
        rig.start_graph("--phone-number-id", number, "--delay", "0.02", "0.3", "--shuffle")
        rig.start_web()
        rig.await_web()
        loads: list[Load] = []
        held = 0
        for turn in range(ROUNDS):
            paused, mine = pause_each(rig, number, turn)
            loads += mine
            held += outlast(rig, paused)
        rig.start_worker()
        wanted = sum(load.wanted for load in loads)
        await_all_sent(rig, wanted)
        await_no_work(rig)
        assert judge(rig, loads) == Verdict(lost=0, doubled=0, disordered=0)
        fenced, never_called = accounted(rig)
        assert held >= ROUNDS * AT_ONCE
        assert fenced + never_called >= held
        print(
            f"\n{database}: {ROUNDS * AT_ONCE} pauses, {held} items held: {fenced} fenced, "
            f"{never_called} calls not made, {wanted} messages"
        )


def pause_each(rig: Rig, number: str, turn: int) -> tuple[list[int], list[Load]]:
    """Have workers stop one after the other, each at its place with work in its hands."""
    rng = random.Random(turn)
    places = [PLACES[place % len(PLACES)] for place in range(AT_ONCE)]
    paused: list[int] = []
    loads: list[Load] = []
    for place in rng.sample(places, AT_ONCE):
        load = Load(number, contacts=4, per_contact=2, first_contact=(turn * AT_ONCE + len(paused)) * 4)
        loads.append(load)
        worker = rig.start_drain(arm=Arm(place, signal_number=signal.SIGSTOP))
        for sender in load.start(rig):
            sender.join(PATIENCE)
            assert not sender.is_alive()
        await_true(lambda pid=worker: rig.is_paused(pid), PATIENCE, f"{place} was never reached")
        paused.append(worker)
    return paused, loads


def outlast(rig: Rig, paused: list[int]) -> int:
    """Let others take over what the paused hold, then let these go on; returns how many items they held.

    Each must find that what it held is no longer its own.
    """
    held = rig.task("leased")
    before = sum(accounted(rig))
    worker = rig.start_worker()
    await_true(lambda: not rig.task("untaken", json.dumps(held))["count"], PATIENCE, "nobody took over")
    for pid in paused:
        rig.resume(pid)
    await_true(lambda: sum(accounted(rig)) - before >= len(held), PATIENCE, "not every pause was noticed")
    for pid in [*paused, worker]:
        rig.ask_to_end(pid)
        assert rig.ended[pid] == 0
    return len(held)


def accounted(rig: Rig) -> tuple[int, int]:
    """Count the items that were somebody else's at the end, and the calls that came too late to be made."""
    fenced = rig.task("report")["counters"].get("work_fenced", 0)
    return fenced, rig.log("parent").count("work_lease_over_before_call")
