"""Runs all work there is the way a bad day would: half-way, then again, then once more as a duplicate.

A `BatchKind` dies at the end of `save`, so that its transaction rolls back; the database must be as before.
An `EffectKind` dies before or after its call and is found by the sweep when its lease has ended. Whatever is
finished is put back and run once more, a little later: nothing may change, nobody may be called again.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db.models import Min

from chatboost.core import clock
from chatboost.core.jobs.running import ChunkKind
from chatboost.core.models import WorkAttempt, WorkItem, WorkState
from chatboost.core.ticks.work import TickKind
from chatboost.core.work import drain, kinds
from chatboost.core.work.kinds import BatchKind, EffectKind, Item, Kind
from chatboost.core.work.sweep import sweep
from tests.architecture import dumps
from tests.architecture.dumps import Dump

# How much later a duplicate runs: its clock is never the first run's.
LAG = timedelta(seconds=1)

# Their items are nameless pieces of one long work: each does the next piece, whatever it is.
PIECEWISE = (ChunkKind, TickKind)

BATCH = drain.SQLITE_BATCH
MAX_ROUNDS = 2000
WAITING = (WorkState.SCHEDULED, WorkState.READY)


class Accident(StrEnum):
    """Where an effect's worker dies, the first time it has the item. `NONE`: nothing is done twice either."""

    NONE = "none"
    BEFORE_CALL = "before the call"
    BEFORE_SETTLED = "after the call, its outcome not committed"


class Died(BaseException):
    """The process ends here; nothing of ours may catch it."""


@dataclass
class Replay:
    """One run of all work from `now` on.

    `hear(now)` lets the outside world speak between the items; it returns when it has more to say. The worker
    of an item that `is_spared` never dies. `died` and `doubled` count, by kind, what was run half-way and
    what was run once more.
    """

    accident: Accident
    now: datetime
    is_batch: bool = False
    hear: Callable[[datetime], datetime | None] = lambda now: None
    is_spared: Callable[[Item], bool] = lambda item: False
    died: Counter[str] = field(default_factory=Counter)
    doubled: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    _struck: set[int] = field(default_factory=set)
    _pieced: set[tuple[str, int]] = field(default_factory=set)

    def settle(self, *, within: timedelta) -> None:
        """Do all work that comes due within this time, moving the clock to whatever is due next."""
        ends = self.now + within
        for _ in range(MAX_ROUNDS):
            with clock.frozen(self.now):
                more_at = self.hear(self.now)
                sweep(now=self.now)
            heads = self._heads()
            if heads:
                self._take(heads)
                continue
            moment = self._next_moment(more_at)
            if moment is None or moment > ends:
                return
            self.now = moment
        raise AssertionError(f"work never ends: {dumps.take()[dumps.OPEN_WORK]}")

    def accounts(self) -> list[str]:
        """Return what is wrong at the end: changes found on the way, work that failed, work left over."""
        failed = WorkAttempt.objects.exclude(outcome="crashed").values_list("kind", "outcome", "error")
        owed = dumps.take()[dumps.OPEN_WORK]
        return [
            *self.problems,
            *(f"{kind} {outcome}: {error}" for kind, outcome, error in failed),
            *(f"never finished: {kind} of {subject}" for kind, subject, _ in owed),
        ]

    # Choosing

    def _heads(self) -> list[WorkItem]:
        """Return what a worker might claim: due, ready, the oldest of its lane."""
        heads, lanes = [], set()
        for row in WorkItem.objects.filter(state__in=[WorkState.READY, WorkState.LEASED]).order_by("id"):
            if row.lane is not None:
                if row.lane in lanes:
                    continue
                lanes.add(row.lane)
            if row.state == WorkState.READY and row.run_at <= self.now:
                heads.append(row)
        return sorted(heads, key=lambda row: (row.priority, row.pk))

    def _next_moment(self, more_at: datetime | None) -> datetime | None:
        due = WorkItem.objects.filter(state__in=WAITING, run_at__gt=self.now).aggregate(at=Min("run_at"))[
            "at"
        ]
        expired = WorkItem.objects.filter(state=WorkState.LEASED).aggregate(at=Min("lease_until"))["at"]
        moments = [more_at, due, expired and expired + timedelta(milliseconds=1)]
        return min((moment for moment in moments if moment), default=None)

    def _take(self, heads: Sequence[WorkItem]) -> None:
        first = heads[0]
        batch = [first]
        if self.is_batch and not first.crash_count:
            batch = [row for row in heads if row.kind == first.kind and not row.crash_count][:BATCH]
        kind = kinds.get(first.kind)
        assert kind is not None, f"nobody registered {first.kind}"
        items = self._lease(batch)
        if self.accident is Accident.NONE:
            self._run(items)
        elif isinstance(kind, BatchKind):
            self._replay_batch(kind, items)
        else:
            self._replay_effect(kind, items)

    def _lease(self, rows: Sequence[WorkItem]) -> list[Item]:
        token = uuid4()
        until = self.now + settings.WORK_LEASE
        WorkItem.objects.filter(pk__in=[row.pk for row in rows]).update(
            state=WorkState.LEASED, token=token, lease_until=until
        )
        return [_item(row, token) for row in rows]

    def _run(self, items: Sequence[Item]) -> None:
        with clock.frozen(self.now):
            drain.run(items, now=lambda: self.now)

    # Replaying

    def _replay_batch(self, kind: BatchKind[Any, Any], items: Sequence[Item]) -> None:
        before = self._state()
        with _dying_after(kind, "save") as deaths:
            self._run_until_death(items)
        self.died[kind.name] += len(deaths)
        if not deaths:
            self.problems.append(f"{kind.name} {_subjects(items)}: it did not get as far as `save`")
        self._compare(kind, items, before, self._state(), "rolled back half-way, it left")
        self._run(items)
        self._run_again(kind, _finished(items))

    def _replay_effect(self, kind: EffectKind[Any, Any], items: Sequence[Item]) -> None:
        if not any(item.id in self._struck or self.is_spared(item) for item in items):
            dying = (
                _dying_before(kind, "call")
                if self.accident is Accident.BEFORE_CALL
                else _dying_after(kind, "settle")
            )
            with dying as deaths:
                self._run_until_death(items)
            self.died[kind.name] += len(deaths)
            if deaths:
                self._struck.update(item.id for item in items)
        else:
            self._run(items)
        self._run_again(kind, _finished(items))

    def _run_until_death(self, items: Sequence[Item]) -> None:
        try:
            self._run(items)
        except Died:
            pass

    def _run_again(self, kind: Kind, items: Sequence[Item]) -> None:
        """Put finished items back and run them a little later."""
        if isinstance(kind, PIECEWISE):
            items = [item for item in items if not self._goes_on(item)]
        if not items:
            return
        before = self._state()
        self.doubled[kind.name] += len(items)
        self.now += LAG
        twins = [_twin(item, self.now) for item in items]
        with _counting(kind, "call") as calls:
            self._run(self._lease(twins))
        self._compare(kind, items, before, self._state(twins), "run once more, it left")
        if calls:
            self.problems.append(f"{kind.name} {_subjects(items)}: run once more, it called again")
        rest = WorkItem.objects.filter(pk__in=[twin.pk for twin in twins])
        for state, error in rest.values_list("state", "last_error"):
            self.problems.append(f"{kind.name} {_subjects(items)}: run once more, it is {state}: {error}")
        rest.delete()

    def _goes_on(self, item: Item) -> bool:
        """Tell whether this was a piece, with more to come. The first one gets a twin that waits its turn.

        What the twin does is the next piece, so only the end of it all can be compared.
        """
        if not WorkItem.objects.filter(lane=item.lane, state__in=WAITING).exists():
            return False
        if (item.kind, item.subject_id) not in self._pieced:
            self._pieced.add((item.kind, item.subject_id))
            self.doubled[item.kind] += 1
            _twin(item, self.now)
        return True

    def _state(self, without: Sequence[WorkItem] = ()) -> Dump:
        return dumps.take(without=[row.pk for row in without])

    def _compare(self, kind: Kind, items: Sequence[Item], before: Dump, after: Dump, verdict: str) -> None:
        changes = dumps.difference(before, after)
        if changes:
            lines = "\n    ".join(changes)
            self.problems.append(f"{kind.name} {_subjects(items)}: {verdict}\n    {lines}")


def _item(row: WorkItem, token: Any) -> Item:
    return Item(
        row.pk,
        row.kind,
        row.subject_id,
        row.organization_id,
        row.lane,
        row.error_count,
        row.crash_count,
        token,
    )


def _twin(item: Item, now: datetime) -> WorkItem:
    """Put an item back, as it was when it was new."""
    return WorkItem.objects.create(
        kind=item.kind,
        subject_id=item.subject_id,
        organization_id=item.organization_id,
        lane=item.lane,
        queue="maintenance",
        run_at=now,
        created_at=now,
    )


def _finished(items: Sequence[Item]) -> list[Item]:
    left = set(WorkItem.objects.filter(pk__in=[item.id for item in items]).values_list("pk", flat=True))
    return [item for item in items if item.id not in left]


def _subjects(items: Sequence[Item]) -> list[int]:
    return [item.subject_id for item in items]


@contextmanager
def _around(kind: Kind, method: str, replacement: Callable[..., Any]) -> Iterator[None]:
    """Hang something around one method of a registered kind."""
    setattr(kind, method, replacement)
    try:
        yield
    finally:
        delattr(kind, method)


@contextmanager
def _dying_before(kind: Kind, method: str) -> Iterator[list[str]]:
    deaths: list[str] = []

    def replacement(*args: Any) -> Any:
        deaths.append(method)
        raise Died

    with _around(kind, method, replacement):
        yield deaths


@contextmanager
def _dying_after(kind: Kind, method: str) -> Iterator[list[str]]:
    deaths: list[str] = []
    original = getattr(kind, method)

    def replacement(*args: Any) -> Any:
        original(*args)
        deaths.append(method)
        raise Died

    with _around(kind, method, replacement):
        yield deaths


@contextmanager
def _counting(kind: Kind, method: str) -> Iterator[list[str]]:
    calls: list[str] = []
    original = getattr(kind, method, None)
    if original is None:
        yield calls
        return

    def replacement(*args: Any) -> Any:
        calls.append(method)
        return original(*args)

    with _around(kind, method, replacement):
        yield calls
