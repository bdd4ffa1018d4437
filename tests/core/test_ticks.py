"""Ticks: each slot once, whoever fires it; beat's rows say what the code says."""

from datetime import UTC, datetime, timedelta

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from chatboost.core import clock, retention, ticks
from chatboost.core.models import Counter, TickRun, WorkItem
from chatboost.core.ticks import beat, firing, registry
from chatboost.core.ticks.registry import Tick
from chatboost.core.work.drain import drain

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 5, 4, 12, 0, 30, tzinfo=UTC)
rounds: list[datetime] = []
remaining = [0]


def work(now: datetime) -> bool:
    rounds.append(now)
    remaining[0] -= 1
    return remaining[0] > 0


ticks.declare("test-often", run=work, every=timedelta(minutes=1))
ticks.declare("test-nightly", run=work, at="30 3 * * *")


@pytest.fixture(autouse=True)
def _fresh() -> None:
    rounds.clear()
    remaining[0] = 0
    firing._seen.clear()


@pytest.mark.parametrize(
    ("now", "slot"),
    [
        (NOON, datetime(2026, 5, 4, 12, 0, tzinfo=UTC)),
        (datetime(2026, 5, 4, 12, 0, tzinfo=UTC), datetime(2026, 5, 4, 12, 0, tzinfo=UTC)),
        (datetime(2026, 5, 4, 11, 59, 59, 999999, tzinfo=UTC), datetime(2026, 5, 4, 11, 59, tzinfo=UTC)),
    ],
)
def test_interval_slot_is_the_last_full_one(now: datetime, slot: datetime) -> None:
    assert registry.registered()["test-often"].slot(now) == slot


@pytest.mark.parametrize(
    ("now", "slot"),
    [
        (NOON, datetime(2026, 5, 4, 3, 30, tzinfo=UTC)),
        (datetime(2026, 5, 4, 3, 30, tzinfo=UTC), datetime(2026, 5, 4, 3, 30, tzinfo=UTC)),
        (datetime(2026, 5, 4, 3, 29, 59, tzinfo=UTC), datetime(2026, 5, 3, 3, 30, tzinfo=UTC)),
    ],
)
def test_cron_slot_is_the_last_one_that_was_due(now: datetime, slot: datetime) -> None:
    assert registry.registered()["test-nightly"].slot(now) == slot


def test_slot_is_fired_once_by_however_many() -> None:
    assert firing.fire("test-often", now=NOON)
    assert not firing.fire("test-often", now=NOON + timedelta(seconds=20))
    firing._seen.clear()
    firing.fire_due(now=NOON)
    assert TickRun.objects.filter(name="test-often").count() == 1
    assert WorkItem.objects.filter(kind="tick:test-often").count() == 1


def test_next_slot_is_fired_again() -> None:
    firing.fire("test-often", now=NOON)
    assert firing.fire("test-often", now=NOON + timedelta(minutes=1))


def test_unknown_tick_is_ignored() -> None:
    assert not firing.fire("test-gone", now=NOON)


def test_downtime_is_caught_up_with_one_firing() -> None:
    firing.fire_due(now=NOON)
    firing.fire_due(now=NOON + timedelta(days=3))
    assert TickRun.objects.filter(name="test-often").count() == 2


def test_tick_runs_until_nothing_remains() -> None:
    remaining[0] = 3
    firing.fire("test-often", now=NOON)
    drain("maintenance")
    assert len(rounds) == 3
    assert TickRun.objects.get(name="test-often").finished_at
    assert not WorkItem.objects.exists()


def test_finished_firing_is_not_run_again() -> None:
    firing.fire("test-often", now=NOON)
    TickRun.objects.update(finished_at=NOON)
    drain("maintenance")
    assert rounds == []


def test_name_is_declared_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        ticks.declare("test-often", run=work, every=timedelta(minutes=1))


@pytest.mark.parametrize("when", [{}, {"every": timedelta(minutes=1), "at": "* * * * *"}])
def test_tick_needs_one_kind_of_time(when: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="either"):
        registry.add(Tick(name="test-wrong", run=work, **when))  # type: ignore[arg-type]


def test_sync_writes_a_row_for_each_tick() -> None:
    beat.sync()
    often = PeriodicTask.objects.get(name="chatboost: test-often")
    assert (often.task, often.args, often.interval.every) == ("core.tick", '["test-often"]', 60)
    assert PeriodicTask.objects.get(name="chatboost: test-nightly").crontab.hour == "3"


def test_sync_puts_our_rows_right_and_leaves_an_operators_alone() -> None:
    interval = IntervalSchedule.objects.create(every=9, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.create(name="mine", task="core.tick", interval=interval)
    PeriodicTask.objects.create(name="chatboost: test-gone", task="core.tick", interval=interval)
    beat.sync()
    PeriodicTask.objects.filter(name="chatboost: test-often").update(enabled=False)
    beat.sync()
    assert PeriodicTask.objects.filter(name="mine", interval=interval).exists()
    assert not PeriodicTask.objects.filter(name="chatboost: test-gone").exists()
    assert PeriodicTask.objects.get(name="chatboost: test-often").enabled


def test_sync_of_rows_that_are_right_writes_nothing(django_assert_max_num_queries: object) -> None:
    beat.sync()
    before = PeriodicTask.objects.values_list("pk", "date_changed")
    known = list(before)
    beat.sync()
    assert list(before.all()) == known


def test_retention_leaves_the_last_run_of_each_tick() -> None:
    old = NOON - timedelta(days=40)
    for name, slot in (("seldom", old), ("often", old), ("often", NOON - timedelta(hours=1))):
        TickRun.objects.create(name=name, slot=slot, fired_at=slot)
    with clock.frozen(NOON):
        firing.fire("retention: tick runs", now=NOON)
        drain("maintenance")
    left = TickRun.objects.filter(name__in=("seldom", "often")).values_list("name", "slot")
    assert set(left) == {("seldom", old), ("often", NOON - timedelta(hours=1))}


def test_retention_removes_what_is_old_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "SQLITE_CHUNK", 2)
    monkeypatch.setattr(retention, "CHUNK", 2)
    Counter.objects.bulk_create(Counter(name=f"test {number}") for number in range(5))
    rows = Counter.objects.filter(name__startswith="test")
    assert retention._remove_some(rows, None)
    assert retention._remove_some(rows, None)
    assert not retention._remove_some(rows, None)
    assert not rows.exists()
