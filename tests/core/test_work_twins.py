"""Items that come back while the same work has come to wait under their dedupe key: one of them stays."""

from datetime import timedelta

import pytest
from django.db import transaction

from chatboost.core import clock
from chatboost.core.models import WorkItem
from chatboost.core.work import claim, queue
from chatboost.core.work.drain import run
from chatboost.core.work.kinds import Decision, Defer, Item, Retry
from chatboost.core.work.sweep import sweep
from tests.core.kinds import BATCH, EFFECT, Ledger

pytestmark = pytest.mark.django_db

LATER = timedelta(hours=1)


@pytest.fixture(autouse=True)
def ledger() -> Ledger:
    BATCH.ledger = EFFECT.ledger = fresh = Ledger()
    return fresh


def put(kind: str, *, lane: str | None = None, run_in: timedelta = timedelta(), key: str = "same") -> None:
    with transaction.atomic():
        queue.enqueue(
            queue.Order(
                kind=kind,
                subject_id=1,
                organization_id=1,
                queue="interactive",
                lane=lane,
                run_at=clock.now() + run_in,
                dedupe_key=key,
            )
        )


def take() -> list[Item]:
    return claim.claim("interactive", limit=10, now=clock.now())


def left() -> list[tuple[int, str]]:
    return list(WorkItem.objects.order_by("id").values_list("id", "state"))


@pytest.mark.parametrize("lane", [None, "lane"])
@pytest.mark.parametrize("run_in", [timedelta(), LATER * 2])
def test_crashed_item_with_a_waiting_twin_comes_back_alone(lane: str | None, run_in: timedelta) -> None:
    put("test.batch", lane=lane)
    [item] = take()
    put("test.batch", lane=lane, run_in=run_in)
    sweep(now=clock.now() + LATER)
    assert left() == [(item.id, "ready")]


def test_crashed_twins_come_back_as_one() -> None:
    put("test.batch")
    [first] = take()
    put("test.batch")
    take()
    sweep(now=clock.now() + LATER)
    assert left() == [(first.id, "ready")]


def test_failed_item_with_a_waiting_twin_comes_back_alone(ledger: Ledger) -> None:
    put("test.batch", lane="lane")
    [item] = take()
    put("test.batch", lane="lane")
    ledger.fail_on = {1}
    run([item])
    assert left() == [(item.id, "ready")]
    assert WorkItem.objects.get().error_count == 1


@pytest.mark.parametrize("decision", [Retry("later"), Defer(clock.now() + LATER)])
def test_effect_with_a_waiting_twin_comes_back_alone(ledger: Ledger, decision: Decision) -> None:
    put("test.effect")
    [item] = take()
    put("test.effect")
    ledger.decisions = {1: decision}
    run([item])
    assert left() == [(item.id, "ready")]


def test_other_keys_and_kinds_stay(ledger: Ledger) -> None:
    put("test.batch")
    [item] = take()
    put("test.batch", key="other")
    put("test.effect")
    ledger.fail_on = {1}
    run([item])
    assert len(left()) == 3
