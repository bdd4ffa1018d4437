"""Several workers send for one number: no second at the vendor holds more than the number may send."""

import os
from collections import defaultdict
from pathlib import Path

import pytest

from tests.rig import Rig, await_true, database_url, databases, installation

pytestmark = pytest.mark.proof

IS_FULL = os.environ.get("PROOF") == "full"
WORKERS = 3
PER_SECOND, PEOPLE, PER_PERSON = (80, 1000, 2) if IS_FULL else (20, 40, 2)


@pytest.mark.parametrize("database", databases())
def test_no_second_at_the_vendor_holds_more_than_the_number_may_send(database: str, tmp_path: Path) -> None:
    with installation(tmp_path, database_url(database, tmp_path)) as rig:
        number = rig.task("seed_echo")["phone_number_id"]
        rig.start_graph("--phone-number-id", number, "--statuses", "none")
        wanted = rig.task("queue_texts", str(PEOPLE), str(PER_PERSON), str(PER_SECOND))["count"]
        for _ in range(WORKERS):
            rig.start_worker()
        await_true(lambda: len(rig.ledger()) >= wanted, 20 + 3 * wanted / PER_SECOND, "not all were sent")
        times = sorted(entry["at"] for entry in rig.ledger())
        most, took = busiest_second(times), times[-1] - times[0]
        print(f"\n{database}: {wanted} at {PER_SECOND}/s in {took:.1f} s, at most {most} in a second")
        assert (len(times), disordered(rig)) == (wanted, [])
        assert most <= PER_SECOND
        # Nor is the number left idle.
        assert wanted / took > PER_SECOND / 2
        await_true(lambda: not rig.task("report")["open_work"], 10, "work was left over")
        report = rig.task("report")
        assert (report["by_status"], report["attempts"]) == ({"sent": wanted}, wanted)


def busiest_second(times: list[float]) -> int:
    """Return how many lie within a second, wherever it begins."""
    most = first = 0
    for last, at in enumerate(times):
        while times[first] <= at - 1:
            first += 1
        most = max(most, last - first + 1)
    return most


def disordered(rig: Rig) -> list[str]:
    """Return the people whose texts came in another order than they were queued in."""
    told: dict[str, list[int]] = defaultdict(list)
    for entry in rig.ledger():
        told[entry["to"]].append(int(entry["body"]["text"]["body"]))
    return [person for person, numbers in told.items() if numbers != sorted(numbers)]
