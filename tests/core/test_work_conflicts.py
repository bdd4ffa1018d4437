"""Deadlocks and locked databases are nobody's error: the transaction is tried again, its item not blamed."""

from collections.abc import Mapping, Sequence

import pytest
from django.db import OperationalError, transaction

from chatboost.core.models import WorkAttempt, WorkItem
from chatboost.core.work import kinds, queue
from chatboost.core.work.drain import drain
from chatboost.core.work.kinds import BatchKind, Decision, Done, EffectKind, Item

pytestmark = pytest.mark.django_db(transaction=True)

CONFLICT = "database is locked"


class Unlucky(EffectKind[int, str]):
    """Meets a conflict, once each, where it prepares and where it records what came of its call."""

    name = "test.unlucky"

    def __init__(self) -> None:
        self.steps: list[str] = []

    def prepare(self, items: Sequence[Item]) -> Mapping[int, int | Decision]:
        self._meet("prepared")
        return {item.id: item.subject_id for item in items}

    def call(self, intent: int) -> str:
        self.steps.append("called")
        return "an answer"

    def settle(self, results: Sequence[tuple[Item, int, str | Exception]]) -> Mapping[int, Decision]:
        self._meet("settled")
        assert [answer for _, _, answer in results] == ["an answer"]
        return {item.id: Done() for item, _, _ in results}

    def _meet(self, step: str) -> None:
        self.steps.append(step)
        if self.steps.count(step) == 1:
            raise OperationalError(CONFLICT)


class UnluckyBatch(BatchKind[None, int]):
    """Meets a conflict the first time it saves."""

    name = "test.unlucky_batch"

    def __init__(self) -> None:
        self.saved: list[int] = []

    def load(self, items: Sequence[Item]) -> None:
        return None

    def apply(self, item: Item, context: None) -> int:
        return item.subject_id

    def save(self, results: Sequence[int], context: None) -> None:
        self.saved += results
        if len(self.saved) == len(results):
            raise OperationalError(CONFLICT)


def put(kind: str, *subjects: int) -> None:
    with transaction.atomic():
        queue.enqueue_many(
            queue.Order(kind=kind, subject_id=subject, organization_id=1, queue="interactive")
            for subject in subjects
        )


def test_outcome_of_a_call_survives_a_conflict_and_nobody_is_called_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unlucky = Unlucky()
    monkeypatch.setitem(kinds._kinds, Unlucky.name, unlucky)
    put(Unlucky.name, 1)

    assert drain("interactive") == 1

    assert unlucky.steps == ["prepared", "prepared", "called", "settled", "settled"]
    assert not WorkItem.objects.exists()
    assert not WorkAttempt.objects.exists()


def test_batch_that_meets_a_conflict_is_tried_again_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    unlucky = UnluckyBatch()
    monkeypatch.setitem(kinds._kinds, UnluckyBatch.name, unlucky)
    put(UnluckyBatch.name, 1, 2)

    assert drain("interactive") == 2

    assert unlucky.saved == [1, 2, 1, 2]
    assert not WorkItem.objects.exists()
    assert not WorkAttempt.objects.exists()
