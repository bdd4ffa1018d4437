"""The work table: claimed by lane, finished by token, retried with patience, never lost."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction

from chatboost.core import clock
from chatboost.core.models import WorkItem, WorkState
from chatboost.core.work import claim, finish, queue
from chatboost.core.work.drain import drain, run
from chatboost.core.work.kinds import Dead, Defer, Retry
from chatboost.core.work.sweep import sweep
from tests.core.kinds import BATCH, EFFECT, Ledger

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def ledger() -> Ledger:
    BATCH.ledger = EFFECT.ledger = fresh = Ledger()
    return fresh


def put(subject: int, *, kind: str = "test.batch", lane: str | None = None, **fields: object) -> None:
    with transaction.atomic():
        queue.enqueue(
            queue.Order(
                kind=kind,
                subject_id=subject,
                organization_id=1,
                queue="interactive",
                lane=lane,
                **fields,  # type: ignore[arg-type]
            )
        )


def take(limit: int = 10, now: datetime | None = None) -> list[int]:
    return [item.subject_id for item in claim.claim("interactive", limit=limit, now=now or clock.now())]


@pytest.mark.django_db(transaction=True)
def test_enqueue_outside_a_transaction_is_refused() -> None:
    with pytest.raises(queue.NotInTransaction):
        queue.enqueue(queue.Order(kind="test.batch", subject_id=1, organization_id=1, queue="interactive"))


@pytest.mark.django_db(transaction=True)
def test_enqueue_in_a_rolled_back_transaction_leaves_nothing() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        queue.enqueue(queue.Order(kind="test.batch", subject_id=1, organization_id=1, queue="interactive"))
        _ = 1 / 0
    assert not WorkItem.objects.exists()


def test_enqueue_of_a_key_that_waits_is_merged() -> None:
    put(1, dedupe_key="same")
    put(2, dedupe_key="same")
    assert take() == [1]


def test_enqueue_of_a_key_that_runs_is_new_work() -> None:
    put(1, dedupe_key="same")
    take()
    put(2, dedupe_key="same")
    assert take() == [2]


def test_claim_takes_only_the_head_of_a_lane() -> None:
    put(1, lane="a")
    put(2, lane="a")
    put(3, lane="b")
    assert take() == [1, 3]
    assert take() == []


def test_claim_takes_all_items_without_a_lane() -> None:
    for subject in range(3):
        put(subject)
    assert take() == [0, 1, 2]


def test_claim_prefers_the_smaller_priority_number() -> None:
    put(1, priority=50)
    put(2, priority=10)
    assert take(limit=1) == [2]


def test_claim_of_other_kinds_leaves_the_item() -> None:
    put(1)
    assert claim.claim("interactive", limit=1, now=clock.now(), kinds=["test.effect"]) == []
    assert claim.claim("interactive", limit=1, now=clock.now(), kinds=[]) == []


def test_claim_never_takes_a_second_item_of_a_leased_lane_even_an_older_one() -> None:
    put(1, lane="a")
    put(2, lane="a")
    _, newer = WorkItem.objects.order_by("id")
    WorkItem.objects.filter(pk=newer.pk).update(
        state=WorkState.LEASED, lease_until=clock.now() + timedelta(minutes=1)
    )
    assert take() == []


def test_item_in_backoff_keeps_its_lane_closed() -> None:
    put(1, lane="a")
    put(2, lane="a")
    (item,) = claim.claim("interactive", limit=10, now=clock.now())
    with transaction.atomic():
        finish.finish([item], {item.id: Retry("later", after=timedelta(minutes=1))}, now=clock.now())
    assert take() == []
    assert take(now=clock.now() + timedelta(hours=2)) == [1]


def test_scheduled_item_is_outside_its_lane_until_due() -> None:
    due = clock.now() + timedelta(hours=1)
    put(1, lane="a", run_at=due)
    put(2, lane="a")
    assert take() == [2]
    WorkItem.objects.filter(subject_id=2).delete()
    assert sweep(now=due - timedelta(seconds=1)) == 0
    assert sweep(now=due) == 1
    assert take(now=due) == [1]


def test_sweep_drops_a_due_item_whose_twin_already_waits() -> None:
    due = clock.now() + timedelta(hours=1)
    put(1, dedupe_key="same", run_at=due)
    WorkItem.objects.filter(subject_id=1).update(dedupe_key=None)
    put(2, dedupe_key="same")
    WorkItem.objects.filter(subject_id=1).update(dedupe_key="other")
    assert sweep(now=due) == 1
    assert sorted(take(now=due)) == [1, 2]


def test_finish_after_the_lease_was_lost_is_fenced() -> None:
    put(1)
    items = claim.claim("interactive", limit=1, now=clock.now())
    sweep(now=clock.now() + settings.WORK_LEASE + timedelta(seconds=1))
    with pytest.raises(finish.Fenced), transaction.atomic():
        finish.finish(items, {}, now=clock.now())
    assert WorkItem.objects.get().state == WorkState.READY


def test_lease_that_expires_three_times_ends_as_a_dead_letter() -> None:
    put(1)
    now = clock.now()
    for crashes in range(3):
        claim.claim("interactive", limit=1, now=now, suspect=crashes > 0)
        now += settings.WORK_LEASE + timedelta(hours=1)
        sweep(now=now)
        now += timedelta(hours=1)
    item = WorkItem.objects.get()
    assert (item.state, item.crash_count) == (WorkState.DEAD, 3)
    assert item.last_error


def test_drain_runs_a_batch_in_one_save(ledger: Ledger) -> None:
    for subject in range(5):
        put(subject)
    assert drain("interactive") == 5
    assert ledger.saved == [[0, 1, 2, 3, 4]]
    assert not WorkItem.objects.exists()


def test_drain_keeps_the_order_of_a_lane(ledger: Ledger) -> None:
    for subject in range(5):
        put(subject, lane="a")
    drain("interactive")
    assert ledger.applied == [0, 1, 2, 3, 4]


def test_poison_in_a_batch_costs_no_good_neighbour(ledger: Ledger) -> None:
    ledger.fail_on = {2}
    for subject in range(5):
        put(subject)
    drain("interactive")
    left = WorkItem.objects.get()
    assert (left.subject_id, left.state, left.error_count) == (2, WorkState.READY, 1)
    assert "poison" in left.last_error
    assert sorted(subject for batch in ledger.saved for subject in batch) == [0, 1, 3, 4]


def test_item_that_keeps_failing_ends_as_a_dead_letter(ledger: Ledger) -> None:
    ledger.fail_on = {1}
    put(1)
    now = clock.now()
    for _ in range(settings.WORK_MAX_ERRORS):
        run(claim.claim("interactive", limit=1, now=now), now=lambda now=now: now)
        now += timedelta(hours=2)
    item = WorkItem.objects.get()
    assert (item.state, item.error_count) == (WorkState.DEAD, settings.WORK_MAX_ERRORS)


def test_unknown_kind_is_a_dead_letter() -> None:
    put(1, kind="test.removed")
    drain("interactive")
    assert WorkItem.objects.get().state == WorkState.DEAD


@pytest.mark.parametrize("failures", [1, 3, 12])
def test_backoff_stays_within_its_ceiling_and_above_the_floor(failures: int) -> None:
    floor = timedelta(seconds=7)
    waits = [finish.backoff(failures, floor) for _ in range(200)]
    ceiling = min(settings.WORK_BACKOFF_CAP, settings.WORK_BACKOFF_BASE * 2**failures)
    assert all(floor <= wait <= floor + ceiling for wait in waits)
    assert len(set(waits)) > 150


def test_effect_is_prepared_called_and_settled_once(ledger: Ledger) -> None:
    for subject in range(3):
        put(subject, kind="test.effect")
    drain("interactive")
    assert sorted(ledger.called) == sorted(ledger.settled) == [0, 1, 2]
    assert not WorkItem.objects.exists()


def test_effect_decided_while_preparing_is_not_called(ledger: Ledger) -> None:
    until = clock.now() + timedelta(minutes=5)
    ledger.prepared = {1: Defer(until), 2: Dead("no")}
    for subject in range(3):
        put(subject, kind="test.effect")
    drain("interactive")
    assert ledger.called == [0]
    deferred, dead = WorkItem.objects.order_by("subject_id")
    assert (deferred.state, deferred.run_at, deferred.error_count) == (WorkState.READY, until, 0)
    assert dead.state == WorkState.DEAD


def test_effect_that_raises_is_settled_too(ledger: Ledger) -> None:
    def crash(subject: int) -> None:
        raise OSError("reset")

    ledger.on_call = crash
    ledger.decisions = {1: Retry("reset")}
    put(1, kind="test.effect")
    drain("interactive")
    assert ledger.settled == [1]
    assert WorkItem.objects.get().error_count == 1


def test_outcome_of_an_effect_is_recorded_even_when_the_lease_was_lost(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle = EFFECT.settle

    def robbed(results: Any) -> Any:
        WorkItem.objects.update(token=None, state=WorkState.READY)
        return settle(results)

    monkeypatch.setattr(EFFECT, "settle", robbed)
    put(1, kind="test.effect")
    run(claim.claim("interactive", limit=1, now=clock.now()))
    assert ledger.settled == [1]
    assert WorkItem.objects.get().state == WorkState.READY


def test_effect_whose_lease_was_lost_before_is_not_begun(ledger: Ledger) -> None:
    put(1, kind="test.effect")
    items = claim.claim("interactive", limit=1, now=clock.now())
    WorkItem.objects.update(token=None, state=WorkState.READY)
    run(items)
    assert (ledger.called, ledger.settled) == ([], [])
    assert WorkItem.objects.get().state == WorkState.READY


# What an item's own errors and another's outage cost it


@pytest.mark.parametrize(
    ("made_before", "is_passing", "is_dead"),
    [
        (6, False, False),
        (7, False, True),
        (7, True, False),
        (20, False, False),
        (57, True, True),
        (57, False, True),
    ],
)
def test_outage_is_borne_longer_than_errors_of_the_item(
    ledger: Ledger, made_before: int, is_passing: bool, is_dead: bool
) -> None:
    put(1, kind="test.effect")
    WorkItem.objects.update(error_count=made_before)
    ledger.decisions = {1: Retry("not now", is_passing=is_passing)}

    drain("interactive")

    assert (WorkItem.objects.get().state == WorkState.DEAD) is is_dead


def test_passing_errors_are_borne_for_about_a_day() -> None:
    waits = sum((finish.backoff(tries) for tries in range(1, settings.WORK_MAX_PASSING_ERRORS)), timedelta())

    assert timedelta(hours=12) < waits < timedelta(hours=40)
