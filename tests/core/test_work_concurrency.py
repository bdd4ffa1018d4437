"""Many workers on one table: nothing runs twice, no lane runs beside itself, order stays, nobody trips."""

import collections
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from django.conf import settings
from django.db import connection, connections, transaction

from chatboost.core import clock
from chatboost.core.models import Counter, Heartbeat, WorkAttempt, WorkItem
from chatboost.core.work import claim, finish, queue
from chatboost.core.work.drain import drain
from chatboost.core.work.kinds import Item
from chatboost.core.work.sweep import sweep
from chatboost.settings import environment
from teams.models import Organization
from tests.core.kinds import EFFECT, Ledger

ITEMS, LANES, WORKERS = 400, 20, 8
PATIENCE_SECONDS = 60.0
DATABASES = [
    # A mark, since pytest-django prepares no database for a fixture that is asked for by name.
    pytest.param("postgresql", marks=[pytest.mark.services, pytest.mark.django_db(transaction=True)]),
    pytest.param("sqlite", marks=pytest.mark.proof),
]

T = TypeVar("T")


@pytest.fixture(params=DATABASES, autouse=True)
def database(request: pytest.FixtureRequest) -> None:
    """Have every new thread connect to a real database, with a work table in it."""
    request.getfixturevalue(f"{request.param}_table")


@pytest.fixture
def postgresql_table() -> None:
    url = os.environ.get("DATABASE_URL", "")
    assert url.startswith("postgres"), "DATABASE_URL names no PostgreSQL: run this with `make test-services`"


@pytest.fixture
def sqlite_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any) -> Iterator[None]:
    url = f"sqlite:///{tmp_path / 'work.sqlite3'}"
    configured = connections.configure_settings({"default": environment.database(url)})
    monkeypatch.setitem(connections.settings, "default", configured["default"])
    with django_db_blocker.unblock():
        in_threads([create_table])
        yield


def create_table() -> None:
    with connection.schema_editor() as editor:
        for model in (WorkItem, WorkAttempt, Counter, Heartbeat, Organization):
            editor.create_model(model)


@dataclass
class Referee:
    """Sees every start and every committed end; notes what must not be."""

    started: list[int] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    fouls: list[str] = field(default_factory=list)
    _busy: set[int] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, subject: int) -> None:
        with self._lock:
            self.started.append(subject)
            if subject % LANES in self._busy:
                self.fouls.append(f"lane {subject % LANES} ran beside itself at {subject}")
            self._busy.add(subject % LANES)

    def end(self, subject: int) -> None:
        with self._lock:
            self._busy.discard(subject % LANES)
            self.ended.append(subject)


def in_threads(jobs: list[Callable[[], T]]) -> list[T]:
    """Run the jobs side by side, each on a connection of its own; the first failure is raised."""

    def run(job: Callable[[], T]) -> T:
        try:
            return job()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as threads:
        return [future.result() for future in [threads.submit(run, job) for job in jobs]]


def put(kind: str, *, run_at: datetime | None = None) -> None:
    """Enqueue subjects 0 … ITEMS - 1, dealt to the lanes in turn."""
    with transaction.atomic():
        queue.enqueue_many(
            queue.Order(
                kind=kind,
                subject_id=subject,
                organization_id=1,
                queue="interactive",
                lane=f"lane:{subject % LANES}",
                run_at=run_at,
            )
            for subject in range(ITEMS)
        )


def until_empty(work: Callable[[], object]) -> Callable[[], None]:
    """Repeat the work until the table is empty."""

    def run() -> None:
        ends = time.monotonic() + PATIENCE_SECONDS
        while WorkItem.objects.exists():
            assert time.monotonic() < ends, f"left over: {list(WorkItem.objects.values()[:3])}"
            work()

    return run


def work_as(referee: Referee, *, limit: int) -> Callable[[], None]:
    """Return one round of a worker that reports each start, and each end before it is committed."""

    def work() -> None:
        items = claim.claim("interactive", limit=limit, now=clock.now())
        for item in items:
            referee.start(item.subject_id)
        with transaction.atomic():
            finish.finish(items, {}, now=clock.now())
            for item in items:
                referee.end(item.subject_id)

    return work


def by_lane(subjects: list[int]) -> dict[int, list[int]]:
    return {lane: [subject for subject in subjects if subject % LANES == lane] for lane in range(LANES)}


IN_ORDER = by_lane(list(range(ITEMS)))


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_workers_side_by_side_run_each_item_once_and_each_lane_in_order(limit: int) -> None:
    referee = Referee()
    in_threads([lambda: put("test.batch")])
    in_threads([until_empty(work_as(referee, limit=limit))] * WORKERS)
    assert referee.fouls == []
    assert by_lane(referee.started) == IN_ORDER


def test_two_drains_at_once_call_each_effect_once_and_each_lane_in_order() -> None:
    referee = Referee()
    EFFECT.ledger = Ledger(on_call=lambda subject: (referee.start(subject), referee.end(subject)))
    in_threads([lambda: put("test.effect")])
    in_threads([until_empty(lambda: drain("interactive"))] * 2)
    assert referee.fouls == []
    assert by_lane(referee.started) == IN_ORDER
    assert sorted(EFFECT.ledger.settled) == list(range(ITEMS))


def test_sweeps_beside_claims_promote_each_item_once() -> None:
    referee = Referee()
    in_threads([lambda: put("test.batch", run_at=clock.now() + timedelta(seconds=1))])
    sweeper = until_empty(lambda: sweep(now=clock.now()))
    in_threads([sweeper, sweeper, *[until_empty(work_as(referee, limit=7))] * WORKERS])
    assert referee.fouls == []
    assert sorted(referee.started) == list(range(ITEMS))


def test_lease_taken_away_at_random_lets_each_item_end_once_and_each_lane_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settings, "WORK_MAX_CRASHES", 10_000)
    monkeypatch.setattr(settings, "WORK_BACKOFF_CAP", timedelta(milliseconds=20))
    monkeypatch.setattr(settings, "WORK_LEASE", timedelta())
    ended: list[int] = []
    in_threads([lambda: put("test.batch")])
    worker = until_empty(lambda: finish_unless_fenced(ended))
    in_threads([until_empty(rob), *[worker] * WORKERS])
    assert collections.Counter(ended) == collections.Counter(range(ITEMS))
    assert by_lane(ended) == IN_ORDER


def rob() -> None:
    """End every lease of this moment, as if its time were over."""
    sweep(now=clock.now())
    time.sleep(0.05)


def finish_unless_fenced(ended: list[int]) -> None:
    for suspect in (False, True):
        items = claim.claim("interactive", limit=3, now=clock.now(), suspect=suspect)
        _finish_unless_fenced(items, ended)


def _finish_unless_fenced(items: list[Item], ended: list[int]) -> None:
    try:
        with transaction.atomic():
            finish.finish(items, {}, now=clock.now())
            ended += [item.subject_id for item in items]
    except finish.Fenced:
        pass
