"""Work exists exactly when its transaction has committed: forced rollbacks at any depth leave no orphans."""

import random
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from chatboost.core import clock
from chatboost.core.models import OutboxEvent, WorkItem
from chatboost.core.work import nudge, queue
from chatboost.messaging.models import ContactAttribute
from teams.models import Organization

pytestmark = pytest.mark.django_db(transaction=True)

ROLLBACKS = 200
DEPTH = 4
NOBODY = 10**12


class Forced(Exception):
    """What goes wrong."""


class Caller:
    """Somebody who writes rows with their work in nested transactions, and runs into errors."""

    def __init__(self, luck: random.Random) -> None:
        self.luck = luck
        self.written = 0
        self.forced = 0

    def act(self) -> set[int]:
        """Do something in a transaction of its own; returns the numbers that are to survive it."""
        try:
            return self._block(1, has_savepoint=True)
        except (Forced, IntegrityError):
            return set()

    def _block(self, depth: int, *, has_savepoint: bool) -> set[int]:
        kept: set[int] = set()
        with transaction.atomic(savepoint=has_savepoint):
            for _ in range(self.luck.randint(1, 4)):
                if depth < DEPTH and self.luck.random() < 0.5:
                    kept |= self._nested(depth)
                else:
                    kept.add(self._write())
            self._maybe_raise(0.15)
            if depth == 1 and self.luck.random() < 0.05:
                self._break_the_commit()
        return kept

    def _nested(self, depth: int) -> set[int]:
        """Go one deeper; with a savepoint in between an error need not end everything."""
        has_savepoint = self.luck.random() < 0.8
        try:
            return self._block(depth + 1, has_savepoint=has_savepoint)
        except Forced:
            if not has_savepoint or self.luck.random() < 0.4:
                raise
            return set()

    def _write(self) -> int:
        self.written += 1
        number = self.written
        steps = [self._row, self._work]
        self.luck.shuffle(steps)
        self._maybe_raise(0.03)
        steps[0](number)
        self._maybe_raise(0.05)
        steps[1](number)
        self._maybe_raise(0.05)
        return number

    def _row(self, number: int) -> None:
        OutboxEvent.objects.create(name=str(number), payload={})

    def _work(self, number: int) -> None:
        queue.enqueue(
            queue.Order(
                kind="test.rollback",
                subject_id=number,
                organization_id=1,
                queue="interactive",
                dedupe_key=self.luck.choice([None, f"{number}"]),
                run_at=self.luck.choice([None, clock.now() + timedelta(hours=1)]),
            )
        )

    def _maybe_raise(self, chance: float) -> None:
        if self.luck.random() < chance:
            self.forced += 1
            raise Forced

    def _break_the_commit(self) -> None:
        """Write what the database refuses only when everything is to be committed."""
        self.forced += 1
        owner = Organization.objects.values_list("pk", flat=True)[0]
        ContactAttribute.objects.create(organization_id=owner, contact_id=NOBODY, key="k", value=1)


@pytest.fixture
def rung() -> Iterator[list[str]]:
    """Hear the doorbell in this process."""
    heard: list[str] = []
    nudge.listen(heard.append)
    yield heard
    nudge._doorbell.listeners.remove(heard.append)


@pytest.mark.parametrize("seed", [1, 2])
def test_forced_rollbacks_leave_neither_orphans_nor_rows_without_work(
    organization: Organization, rung: list[str], seed: int
) -> None:
    caller = Caller(random.Random(seed))
    WorkItem.objects.all().delete()
    expected: set[int] = set()
    lost = 0
    while caller.forced < ROLLBACKS / 2:
        rung.clear()
        before, forced = caller.written, caller.forced
        survivors = caller.act()
        expected |= survivors
        lost += caller.forced > forced and len(survivors) < caller.written - before
        due = WorkItem.objects.filter(subject_id__in=survivors, state="ready")
        assert bool(rung) == due.exists()

    items = sorted(WorkItem.objects.filter(kind="test.rollback").values_list("subject_id", flat=True))
    rows = sorted(int(name) for name in OutboxEvent.objects.values_list("name", flat=True))
    assert items == rows == sorted(expected)
    # Errors did take work along, and did leave some.
    assert lost > ROLLBACKS / 8
    assert expected
