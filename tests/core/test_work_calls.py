"""Calls to the outside: recorded as they come in, whatever the others do."""

import threading
import time
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction

from chatboost.core import clock
from chatboost.core.models import WorkItem, WorkState
from chatboost.core.work import claim, queue
from chatboost.core.work import drain as drain_module
from chatboost.core.work.calls import Calls
from chatboost.core.work.drain import drain
from chatboost.core.work.kinds import Item
from tests.core.kinds import BATCH, EFFECT, Ledger, LedgerEffect

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


# What is not called


def in_line() -> set[int]:
    """Return the subjects that wait as if nobody had claimed them."""
    rows = WorkItem.objects.filter(state=WorkState.READY, token=None, crash_count=0, error_count=0)
    return set(rows.values_list("subject_id", flat=True))


def test_stop_puts_back_what_has_not_begun(ledger: Ledger) -> None:
    stop = threading.Event()
    ledger.on_call = lambda subject: stop.set()

    drain("interactive", is_stopping=stop.is_set)

    assert 0 < len(ledger.called) < MANY
    assert sorted(ledger.settled) == sorted(ledger.called)
    assert in_line() == set(range(MANY)) - set(ledger.called)
    assert set(ledger.withdrawn) <= in_line()


def test_call_that_would_begin_too_late_is_not_made(ledger: Ledger) -> None:
    items = claim.claim("interactive", limit=20, now=clock.now())

    with Calls(clock.now) as calls:
        calls.make(EFFECT, [(item, item.subject_id) for item in items], time.monotonic() - 1)
        while calls:
            calls.settle_some()

    assert (ledger.called, len(ledger.withdrawn)) == ([], len(items))
    assert in_line() == set(range(MANY))


def test_kinds_that_are_not_reached_are_put_back(ledger: Ledger) -> None:
    """One claim has items of two kinds; a stop is asked for while the first is run."""
    with transaction.atomic():
        queue.enqueue(queue.Order(kind=BATCH.name, subject_id=900, organization_id=1, queue="interactive"))
    items = claim.claim("interactive", limit=200, now=clock.now())
    drain_module.run(items, is_stopping=lambda: bool(ledger.saved))

    assert ledger.saved == [[900]]
    assert (ledger.called, in_line()) == ([], set(range(MANY)))
    assert not WorkItem.objects.exclude(state=WorkState.READY).exists()


def test_what_somebody_else_holds_is_not_put_back(ledger: Ledger) -> None:
    items = claim.claim("interactive", limit=5, now=clock.now())
    WorkItem.objects.filter(id__in=[item.id for item in items]).update(token=uuid4())

    drain_module.run(items, ends=time.monotonic() - 1)

    assert WorkItem.objects.filter(state=WorkState.LEASED).count() == len(items)


def test_lease_of_a_call_that_may_take_long_is_renewed(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.WORK_LEASE = timedelta(seconds=0.3)
    monkeypatch.setattr(LedgerEffect, "longest", timedelta(minutes=1))
    [item] = claim.claim("interactive", limit=1, now=clock.now())
    ends: list[datetime] = []
    monkeypatch.setattr(EFFECT, "settle", lambda results: ends.append(_lease_of(item)) or {})
    ledger.on_call = lambda subject: time.sleep(0.7)
    first = _lease_of(item)

    drain_module.run([item], ends=time.monotonic() + 60)

    assert ends[0] >= first + timedelta(seconds=0.3)


def _lease_of(item: Item) -> datetime:
    until = WorkItem.objects.get(pk=item.id).lease_until
    assert until is not None
    return until
