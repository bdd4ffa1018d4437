"""Items whose worker died: suspected, run alone, given up after three crashes in a row, innocent ones not."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.db import transaction

from chatboost.core import clock, pulse
from chatboost.core.models import AttemptOutcome, WorkAttempt, WorkItem, WorkState
from chatboost.core.work import claim, kinds, queue, solo
from chatboost.core.work.drain import drain, run
from chatboost.core.work.kinds import BatchKind, Dead, Decision, Defer, EffectKind, Item
from chatboost.core.work.sweep import sweep
from tests.core.kinds import BATCH, EFFECT, Ledger

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def ledger() -> Ledger:
    BATCH.ledger = EFFECT.ledger = fresh = Ledger()
    return fresh


class Mourning(BatchKind[None, int]):
    """Remembers whose work was given up."""

    name = "test.mourning"
    dead: list[int] = []

    def load(self, items: Sequence[Item]) -> None:
        return None

    def apply(self, item: Item, context: None) -> int:
        raise RuntimeError("never works")

    def save(self, results: Sequence[int], context: None) -> None:
        raise AssertionError("nothing to save")

    def on_dead(self, subject_ids: Sequence[int]) -> None:
        self.dead += subject_ids


class Inconsolable(Mourning):
    """Breaks even while its work is given up."""

    name = "test.inconsolable"

    def on_dead(self, subject_ids: Sequence[int]) -> None:
        raise RuntimeError("not even that")


MOURNING = Mourning()
kinds.register(MOURNING)
kinds.register(Inconsolable())


def put(*subjects: int, kind: str = "test.batch", lane: str | None = None, crash_count: int = 0) -> None:
    with transaction.atomic():
        queue.enqueue_many(
            queue.Order(kind=kind, subject_id=subject, organization_id=1, queue="interactive", lane=lane)
            for subject in subjects
        )
    if crash_count:
        WorkItem.objects.filter(subject_id__in=subjects).update(crash_count=crash_count)


def take(*, suspect: bool = False, now: datetime | None = None) -> list[int]:
    found = claim.claim("interactive", limit=10, now=now or clock.now(), suspect=suspect)
    return [item.subject_id for item in found]


def crash(now: datetime, *, suspect: bool = False) -> datetime:
    """Let a worker claim and die; returns a time when its items are due again."""
    claim.claim("interactive", limit=10, now=now, suspect=suspect)
    now += settings.WORK_LEASE + timedelta(seconds=1)
    sweep(now=now)
    return now + timedelta(hours=1)


def test_claim_leaves_out_items_that_crashed() -> None:
    put(1, crash_count=1)
    put(2, 3)
    assert take() == [2, 3]


def test_claim_of_suspects_takes_one_and_nothing_else() -> None:
    put(1, 2, crash_count=1)
    put(3)
    assert take(suspect=True) == [1]


def test_lane_behind_a_suspect_stays_closed() -> None:
    put(1, lane="a", crash_count=1)
    put(2, lane="a")
    assert take() == []


def test_suspect_in_back_off_is_no_suspect_yet() -> None:
    put(1, crash_count=1)
    WorkItem.objects.update(run_at=clock.now() + timedelta(minutes=1))
    assert not claim.has_suspect("interactive", now=clock.now())


def test_drain_runs_suspects_too(ledger: Ledger) -> None:
    put(1, 2, crash_count=1)
    put(3)
    assert drain("interactive") == 3
    assert sorted(ledger.applied) == [1, 2, 3]
    assert [len(batch) for batch in ledger.saved] == [1, 1, 1]


def test_suspect_runs_with_nothing_beside_it(monkeypatch: pytest.MonkeyPatch, ledger: Ledger) -> None:
    seen: list[bool] = []
    monkeypatch.setattr(BATCH, "load", lambda items: seen.append(bool(solo._alone)))
    put(1, crash_count=1)
    put(2)
    drain("interactive")
    assert seen == [False, True]


def test_crash_puts_items_back_after_a_wait() -> None:
    put(1, 2)
    now = clock.now()
    due = crash(now)
    states = WorkItem.objects.values_list("state", "crash_count")
    assert list(states) == [(WorkState.READY, 1)] * 2
    assert all(item.run_at > now + settings.WORK_LEASE for item in WorkItem.objects.all())
    assert take(suspect=True, now=due) == [1]


def test_third_crash_in_a_row_is_a_dead_letter_and_its_kind_is_told() -> None:
    MOURNING.dead.clear()
    put(7, kind="test.mourning")
    now = crash(clock.now())
    now = crash(now, suspect=True)
    crash(now, suspect=True)
    assert WorkItem.objects.get().state == WorkState.DEAD
    assert MOURNING.dead == [7]
    assert list(WorkAttempt.objects.order_by("id").values_list("outcome", flat=True)) == [
        AttemptOutcome.CRASHED,
        AttemptOutcome.CRASHED,
        AttemptOutcome.DIED,
    ]


@pytest.mark.parametrize("decision", [Defer(clock.now()), kinds.Retry("not yet")])
def test_item_that_came_back_alive_is_no_suspect(ledger: Ledger, decision: Decision) -> None:
    ledger.decisions = {1: decision}
    put(1, kind="test.effect", crash_count=2)
    [item] = claim.claim("interactive", limit=1, now=clock.now(), suspect=True)
    run([item])
    assert WorkItem.objects.get().crash_count == 0


def test_item_that_dies_of_errors_tells_its_kind_once() -> None:
    MOURNING.dead.clear()
    put(8, kind="test.mourning")
    WorkItem.objects.update(error_count=settings.WORK_MAX_ERRORS - 1)
    drain("interactive")
    assert MOURNING.dead == [8]
    assert WorkAttempt.objects.get().error == "RuntimeError: never works"


def test_effect_declared_dead_is_listed_with_its_reason(ledger: Ledger) -> None:
    ledger.decisions = {1: Dead("refused for good")}
    put(1, kind="test.effect")
    drain("interactive")
    item = WorkItem.objects.get()
    assert (item.state, item.last_error) == (WorkState.DEAD, "refused for good")


class Slow(EffectKind[int, int]):
    """Loses its lease while it calls."""

    name = "test.slow"

    def prepare(self, items: Sequence[Item]) -> Mapping[int, int | Decision]:
        return {item.id: item.subject_id for item in items}

    def call(self, intent: int) -> int:
        return intent

    def settle(self, results: Sequence[tuple[Item, int, int | Exception]]) -> Mapping[int, Decision]:
        WorkItem.objects.update(token=None, state=WorkState.READY)
        return {}


kinds.register(Slow())


def test_fenced_effect_is_counted() -> None:
    before = pulse.values().get("work_fenced", 0)
    put(1, kind="test.slow")
    [item] = claim.claim("interactive", limit=1, now=clock.now())
    run([item])
    assert pulse.values()["work_fenced"] == before + 1
    assert WorkItem.objects.get().state == WorkState.READY


def test_expired_leases_are_counted() -> None:
    before = pulse.values().get("work_lease_expired", 0)
    put(1, 2)
    crash(clock.now())
    assert pulse.values()["work_lease_expired"] == before + 2


def test_kind_that_breaks_while_it_is_given_up_holds_up_no_sweep() -> None:
    put(1, kind="test.inconsolable", crash_count=settings.WORK_MAX_CRASHES - 1)
    now = clock.now()
    take(suspect=True, now=now)
    sweep(now=now + settings.WORK_LEASE + timedelta(seconds=1))
    assert WorkItem.objects.get().state == WorkState.DEAD
