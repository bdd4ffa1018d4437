"""Every registered kind of work, run half-way, again, and once more as a duplicate: the same end each time.

The scenario seeds each room's demo, so a new room's kinds are replayed as soon as its demo shows them.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction

from chatboost.core import clock
from chatboost.core.models import Job, OutboxEvent, TickRun
from chatboost.core.work import kinds, queue, tasks
from chatboost.core.work.kinds import BatchKind, Decision, EffectKind, Item
from flows.services import compiled
from tests.architecture import dumps, scenario
from tests.architecture.dumps import Summary
from tests.architecture.replay import Accident, Replay
from tests.architecture.scenario import World
from triggers.services import matchers

_undisturbed: list[Summary] = []


@pytest.fixture
def _rooms(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with scenario.rooms_of_tests(monkeypatch):
        yield


@pytest.fixture
def undisturbed(transactional_db: None, _rooms: None, settings: Any, tmp_path: Path) -> Summary:
    """Return what the day comes to when nobody dies; lived through once for all tests."""
    if not _undisturbed:
        replay = Replay(Accident.NONE, clock.now())
        with scenario.world(settings, tmp_path / "undisturbed") as world:
            replay.hear = world.tell
            scenario.play(replay, world)
        assert replay.accounts() == []
        _undisturbed.append(dumps.summary(dumps.take()))
        call_command("flush", verbosity=0, interactive=False)
        compiled._kept.clear()
        matchers._kept.clear()
    return _undisturbed[0]


@pytest.fixture
def world(undisturbed: Summary, settings: Any, tmp_path: Path) -> Iterator[World]:
    with scenario.world(settings, tmp_path) as outside:
        yield outside


@pytest.mark.parametrize(
    ("accident", "is_batch"),
    [
        pytest.param(Accident.BEFORE_CALL, False, id="before the call, item by item"),
        pytest.param(Accident.BEFORE_SETTLED, True, id="its outcome not written, in batches"),
        pytest.param(Accident.BEFORE_CALL, True, id="before the call, in batches", marks=pytest.mark.proof),
        pytest.param(
            Accident.BEFORE_SETTLED,
            False,
            id="its outcome not written, item by item",
            marks=pytest.mark.proof,
        ),
    ],
)
def test_every_kind_ends_the_same_however_often_it_is_run(
    world: World, undisturbed: Summary, accident: Accident, is_batch: bool
) -> None:
    replay = Replay(accident, clock.now(), is_batch=is_batch, hear=world.tell, is_spared=scenario.is_to_carol)
    scenario.play(replay, world)
    reached = dumps.summary(dumps.take())
    doubled = world.doubled()
    job_kinds = set(Job.objects.values_list("kind", flat=True))
    # Retention removes what tells of failures, too.
    accounts = replay.accounts()
    scenario.grow_old(replay)
    accounts += [account for account in replay.accounts() if account not in accounts]

    assert not accounts, "\n".join(accounts)
    assert doubled == []
    assert reached == undisturbed
    for seen in (replay.died, replay.doubled):
        assert_complete("work", scenario.kinds_of_the_product(), set(seen))
    assert_complete("job", scenario.jobs_of_the_product(), job_kinds)


def assert_complete(what: str, registered: set[str], seen: set[str]) -> None:
    missing = sorted(registered - seen)
    assert not missing, (
        f"{what} kinds that never ran: {', '.join(missing)}; let the room's demo exercise them"
    )


@pytest.mark.django_db
def test_celery_tasks_run_twice_do_nothing_more(settings: Any) -> None:
    def run_all() -> dumps.Dump:
        for name in scenario.ticks_of_the_product():
            tasks.fire_tick(name)
        tasks.sweep_work()
        for name in settings.WORK_QUEUES:
            tasks.drain_queue(name)
        return dumps.take()

    with clock.frozen(clock.now()):
        once = run_all()
        assert dumps.difference(once, run_all()) == []
    assert TickRun.objects.exclude(finished_at=None).count() == len(scenario.ticks_of_the_product())


# The replay itself: each sin is seen


class Sinner(BatchKind[None, Item]):
    """Does nothing wrong."""

    name = "test.sinner"

    def load(self, items: Sequence[Item]) -> None:
        return None

    def apply(self, item: Item, context: None) -> Item:
        return item

    def save(self, results: Sequence[Item], context: None) -> None:
        for item in results:
            self.act(item)

    def act(self, item: Item) -> None:
        """Do the work of one item."""


class WritesTwice(Sinner):
    """Writes a row each time it runs."""

    def act(self, item: Item) -> None:
        OutboxEvent.objects.create(name="sin", payload={})


class OwesTwice(Sinner):
    """Enqueues what comes next each time it runs."""

    def act(self, item: Item) -> None:
        if item.subject_id == 1:
            queue.enqueue(order(2))


class Remembers(Sinner):
    """Notes in memory what it has done, also when the database forgets it."""

    def __init__(self) -> None:
        self.seen: set[int] = set()

    def act(self, item: Item) -> None:
        if item.subject_id in self.seen:
            raise RuntimeError("seen before")
        self.seen.add(item.subject_id)


class CallsTwice(EffectKind[int, int]):
    """Never looks whether it has called."""

    name = "test.sinner"

    def prepare(self, items: Sequence[Item]) -> Mapping[int, int | Decision]:
        return {item.id: item.subject_id for item in items}

    def call(self, intent: int) -> int:
        return intent

    def settle(self, results: Sequence[tuple[Item, int, int | Exception]]) -> Mapping[int, Decision]:
        return {}


def order(subject_id: int) -> queue.Order:
    return queue.Order(
        kind=Sinner.name,
        subject_id=subject_id,
        organization_id=0,
        queue="interactive",
        lane=f"sin:{subject_id}",
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("sinner", "account"),
    [
        (Sinner, ""),
        (WritesTwice, "run once more, it left\n    core_outboxevent"),
        (OwesTwice, "run once more, it left\n    open work ('test.sinner', 2, None): 1 → 2"),
        (Remembers, "RuntimeError: seen before"),
        (CallsTwice, "run once more, it called again"),
    ],
)
def test_replay_notices(
    monkeypatch: pytest.MonkeyPatch, settings: Any, sinner: type[Any], account: str
) -> None:
    settings.WORK_BACKOFF_BASE = timedelta()
    monkeypatch.setitem(kinds._kinds, Sinner.name, sinner())
    with transaction.atomic():
        queue.enqueue(order(1))
    replay = Replay(Accident.BEFORE_CALL, clock.now() + timedelta(seconds=1))
    replay.settle(within=timedelta(hours=1))

    told = "\n".join(replay.accounts())
    assert account in told
    assert bool(told) is bool(account)
