"""Unclear sends: with late echoes none is doubled or lost, without echoes none is repeated."""

import json
import os
import random
import urllib.request
from pathlib import Path

import pytest

from tests.rig import Rig, await_true, database_url, databases, installation
from tests.rig_load import Load, Verdict, await_all_sent, await_no_work, judge

pytestmark = pytest.mark.proof

IS_FULL = os.environ.get("PROOF") == "full"
# The times that production has, or a tenth of them.
SCALE = 1.0 if IS_FULL else 0.1
GRACE, LATEST_ECHO, LEASE, DEADLINE = 75 * SCALE, 60 * SCALE, 180 * SCALE, 10 * SCALE
HOLD = GRACE * 2
# Fewer for fewer sends, so that some wait as long for their call.
THREADS = 16 if IS_FULL else 4

NEVER_ACCEPTED = "reset_before_accept"
FAULTS = (
    {"accept_then_hang": 200, "accept_then_500": 100, NEVER_ACCEPTED: 50, "accept_then_reset": 50}
    if IS_FULL
    else {"accept_then_hang": 30, "accept_then_500": 15, NEVER_ACCEPTED: 8, "accept_then_reset": 8}
)
SILENT_FAULTS = {name: max(2, count // 10) for name, count in FAULTS.items()}
SILENT_NUMBER = "100000000000010"
# Each batch of sends takes as long as its slowest call.
PATIENCE = 60 + 30 * DEADLINE
# Sends that go well afterwards: their echoes make the others' silence evidence.
LATER = 10


@pytest.mark.parametrize("database", databases())
def test_unclear_sends_are_not_doubled_and_without_echoes_never_repeated(
    database: str, tmp_path: Path
) -> None:
    times = {
        "SEND_UNKNOWN_GRACE_SECONDS": str(GRACE),
        "SEND_UNKNOWN_HOLD_SECONDS": str(HOLD),
        "WORK_LEASE_SECONDS": str(LEASE),
        "VENDOR_DEADLINE_SECONDS": str(DEADLINE),
        "SEND_THREADS": str(THREADS),
    }
    with installation(tmp_path, database_url(database, tmp_path), **times) as rig:
        number = rig.task("seed_echo")["phone_number_id"]
        rig.task("add_number", SILENT_NUMBER)
        unclear = Load(number, contacts=sum(FAULTS.values()), per_contact=1)
        silent = Load(SILENT_NUMBER, sum(SILENT_FAULTS.values()), per_contact=1, first_contact=5000)
        start_graph(rig, number, {**faults_of(unclear, FAULTS), **faults_of(silent, SILENT_FAULTS)})
        rig.start_web()
        rig.await_web()
        later = Load(number, contacts=LATER, per_contact=1, first_contact=9000)
        deliver(rig, unclear, silent)
        # Only now: what waits is claimed in large batches, whose last calls are made long after the first.
        for _ in range(2):
            rig.start_worker()
        await_true(
            lambda: len(set(tried(rig))) >= unclear.wanted + silent.wanted, PATIENCE, "not all were tried"
        )
        deliver(rig, later)
        wanted = [unclear, later]
        taken_in_silence = silent.wanted - SILENT_FAULTS[NEVER_ACCEPTED]
        await_all_sent(rig, unclear.wanted + later.wanted + taken_in_silence, patience=60 + 4 * GRACE)
        await_no_work(rig, patience=60 + 2 * HOLD)
        assert judge(rig, wanted) == Verdict(lost=0, doubled=0, disordered=0)
        assert judge(rig, [silent]).doubled == 0
        listed = rig.task("unclear")["messages"]
        assert [(row["reason"], row["channel__external_id"]) for row in listed] == [
            ("outcome_unclear", SILENT_NUMBER)
        ] * silent.wanted
        repeated = len(tried(rig)) - unclear.wanted - silent.wanted - later.wanted
        assert repeated == FAULTS[NEVER_ACCEPTED]
        print(
            f"\n{database}: {unclear.wanted} unclear sends with echoes up to {LATEST_ECHO:g} s late, "
            f"{repeated} never taken and repeated once; {len(listed)} without echoes, all listed"
        )


def faults_of(load: Load, counts: dict[str, int]) -> dict[str, str]:
    """Deal the faults to the load's contacts, by phone: a repeated send never meets another's."""
    faults = [name for name, count in counts.items() for _ in range(count)]
    return dict(zip(load.expected(), random.Random(11).sample(faults, len(faults)), strict=True))


def start_graph(rig: Rig, number: str, faults: dict[str, str]) -> None:
    """Start the fake; the first send to each phone meets its fault."""
    rules = [
        {"fault": name, "times": 1, "seconds": 2 * DEADLINE, "match": {"to": f"+{phone}"}}
        for phone, name in faults.items()
    ]
    script = rig.folder / "script.json"
    script.write_text(json.dumps({"rules": rules}))
    rig.start_graph(
        *("--phone-number-id", number, "--phone-number-id", SILENT_NUMBER),
        *("--silent-number", SILENT_NUMBER, "--script", str(script)),
        *("--delay", str(LATEST_ECHO / 600), str(LATEST_ECHO)),
    )


def deliver(rig: Rig, *loads: Load) -> None:
    """Deliver the loads to the end."""
    for thread in [thread for load in loads for thread in load.start(rig)]:
        thread.join()


def tried(rig: Rig) -> list[str]:
    """Return to whom the vendor was asked to send, each time it was."""
    address = f"http://127.0.0.1:{rig.graph_port}/__fake__/attempts"
    with urllib.request.urlopen(address, timeout=10) as answer:  # loopback only
        return [attempt["to"] for attempt in json.loads(answer.read())["attempts"]]
