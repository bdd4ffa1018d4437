"""A power cut at each named place beside a commit or a call: whoever comes next puts everything right."""

import json
import os
import random
import signal
from pathlib import Path

import pytest

from chatboost.core.work import failpoints
from tests.rig import Arm, Rig, await_true, database_url, databases, installation
from tests.rig_load import Load, Verdict, await_all_sent, await_no_work, judge

pytestmark = pytest.mark.proof

TIMES = 5 if os.environ.get("PROOF") == "full" else 1
# Nudges go to a broker, which this installation has none of: `test_broker` cuts there.
POINTS = sorted(failpoints.NAMES - {"nudge.publishing"})
IN_WEB = {name for name in POINTS if name.startswith("door.")}
# One lease that ran out is enough for it, and there may be none left from the deaths before.
NEED_A_DEATH = {name for name in POINTS if name.startswith("sweep.expir")}
PATIENCE = 40.0


@pytest.mark.parametrize("database", databases())
def test_power_cut_at_every_place_loses_and_doubles_nothing(database: str, tmp_path: Path) -> None:
    with installation(tmp_path, database_url(database, tmp_path), WORK_MAX_CRASHES="20") as rig:
        number = rig.task("seed_echo")["phone_number_id"]
        rig.start_graph("--phone-number-id", number, "--delay", "0.02", "0.3", "--shuffle")
        rig.start_web()
        rig.await_web()
        loads: list[Load] = []
        for turn in range(TIMES):
            loads += cut_everywhere(rig, number, turn)
            # A healthy worker comes only now: what one left behind was the next one's, which died too.
            healthy = rig.start_worker()
            # Echoes of later sends make silence about unclear ones evidence.
            loads.append(Load(number, contacts=2, per_contact=1, first_contact=9000 + turn * 10))
            for sender in loads[-1].start(rig):
                sender.join(PATIENCE)
            wanted = sum(load.wanted for load in loads)
            await_all_sent(rig, wanted, patience=120)
            await_no_work(rig)
            rig.ask_to_end(healthy)
        rig.start_worker()
        assert judge(rig, loads) == Verdict(lost=0, doubled=0, disordered=0)
        found = rig.task("report")
        assert {found[name] for name in ("receipts", "inbound", "executions", "outbound")} == {wanted}
        assert found["dead_work"] == []
        # One may be under way at any time; a lost one would stay.
        await_true(lambda: not rig.task("report")["unfinished_ticks"], PATIENCE, "a tick was lost")
        notes = [count for name, count in found["counters"].items() if name.startswith("rig:")]
        assert set(notes) == {1}
        cuts = TIMES * len(POINTS)
        listed = len(found["listed"])
        print(f"\n{database}: {cuts} power cuts at {len(POINTS)} places, {wanted} messages, {listed} listed")


def cut_everywhere(rig: Rig, number: str, turn: int) -> list[Load]:
    """Have a process die at each place, one after the other, with work for it to die over."""
    rng = random.Random(turn)
    loads: list[Load] = []
    for place, name in enumerate(rng.sample(POINTS, len(POINTS))):
        first = (turn * len(POINTS) + place) * 10
        mine = [
            Load(number, contacts=4, per_contact=2, first_contact=first),
            # People of their own: whoever waits in a flow starts no other.
            Load(number, contacts=4, per_contact=1, first_contact=first + 4, word="later"),
        ]
        # What fails the first time is what the failures are about.
        flaky = {"kind": "rig.flaky", "organization_id": 1, "first": first, "count": 3}
        rig.task("enqueue", json.dumps([flaky]))
        if name in NEED_A_DEATH:
            leave_leases(rig, first + 8)
        # One sweep puts all expired leases right, and what failed may have failed before: no second chance.
        is_rare = name in NEED_A_DEATH or name.startswith("work.fail")
        cut(rig, Arm(name, hits=1 if is_rare else rng.randint(1, 2)), mine)
        loads += mine
    return loads


def leave_leases(rig: Rig, subject: int) -> None:
    """Have a worker die over an item that it holds: the sweep's work."""
    note = {"kind": "rig.note", "organization_id": 1, "first": subject, "count": 1}
    rig.task("enqueue", json.dumps([note]))
    await_death(rig, rig.start_worker(arm=Arm("work.claimed")), "nothing was claimed")


def await_death(rig: Rig, victim: int, complaint: str) -> None:
    """Wait until a process has died of its power cut."""
    await_true(lambda: not rig.is_alive(victim), PATIENCE, complaint)
    assert rig.ended[victim] == -signal.SIGKILL


def cut(rig: Rig, arm: Arm, loads: list[Load]) -> None:
    """Deliver the loads to an armed process and wait until it has died at its place."""
    if arm.name in IN_WEB:
        rig.kill(rig.web)
        # Statuses may kill it before anybody asks whether it answers.
        victim = rig.start_web(arm)
    else:
        victim = rig.start_worker(arm=arm)
    senders = [thread for load in loads for thread in load.start(rig)]
    await_death(rig, victim, f"{arm} was never reached")
    if arm.name in IN_WEB:
        rig.start_web()
    for sender in senders:
        sender.join(PATIENCE)
        assert not sender.is_alive()
