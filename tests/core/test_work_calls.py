"""Calls to the outside: the next ones are prepared while some are under way, and none's outcome is lost."""

import threading
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from chatboost.core.models import WorkItem, WorkState
from chatboost.core.work import queue
from chatboost.core.work.drain import drain
from tests.core.kinds import BATCH, EFFECT, Ledger

pytestmark = pytest.mark.django_db

# More than a loop has under way at once, on either database.
MANY = 130
PATIENCE = 20.0


@pytest.fixture(autouse=True)
def ledger() -> Ledger:
    BATCH.ledger = EFFECT.ledger = fresh = Ledger()
    with transaction.atomic():
        queue.enqueue_many(
            queue.Order(kind=EFFECT.name, subject_id=number, organization_id=1, queue="interactive")
            for number in range(MANY)
        )
    return fresh


def test_slow_call_holds_up_no_other_and_no_later_batch(ledger: Ledger) -> None:
    last_was_called = threading.Event()
    answers: list[bool] = []

    def call(subject: int) -> None:
        if subject == MANY - 1:
            last_was_called.set()
        if subject == 0:
            answers.append(last_was_called.wait(PATIENCE))

    ledger.on_call = call

    assert drain("interactive") == MANY
    assert answers == [True]
    assert sorted(ledger.settled) == list(range(MANY))
    assert not WorkItem.objects.exists()


def test_error_of_a_claim_leaves_no_outcome_unrecorded(ledger: Ledger) -> None:
    claims = []

    def refuse_second(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "SET state = 'leased'" in sql:
            claims.append(sql)
            if len(claims) == 2:
                raise OperationalError("gone for a moment")
        return execute(sql, params, many, context)

    with pytest.raises(OperationalError), connection.execute_wrapper(refuse_second):
        drain("interactive")

    assert len(claims) == 2
    assert sorted(ledger.settled) == sorted(ledger.called)
    # What was not begun keeps its lease, and its intent, until the sweep finds it.
    left = WorkItem.objects.filter(state=WorkState.LEASED).values_list("subject_id", flat=True)
    assert not set(left) & set(ledger.called)
