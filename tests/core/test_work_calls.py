"""Calls to the outside: recorded as they come in, whatever the others do."""

import threading
import time

import pytest
from django.db import transaction

from chatboost.core.models import WorkItem
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


def test_slow_call_holds_back_no_other_outcome(ledger: Ledger) -> None:
    """The first call waits until another's outcome is recorded."""
    answers: list[bool] = []

    def call(subject: int) -> None:
        if subject == 0:
            ends = time.monotonic() + PATIENCE
            while not ledger.settled and time.monotonic() < ends:
                threading.Event().wait(0.01)
            answers.append(bool(ledger.settled))

    ledger.on_call = call

    assert drain("interactive") == MANY
    assert answers == [True]
    assert sorted(ledger.settled) == list(range(MANY))
    assert not WorkItem.objects.exists()
