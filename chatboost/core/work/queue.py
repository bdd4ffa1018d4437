"""Putting work into the table: always inside the caller's transaction, beside the row it is about."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from chatboost.core import clock
from chatboost.core.models import WorkItem, WorkState
from chatboost.core.work import nudge


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One item to enqueue. `run_at` ahead of now makes it scheduled, outside its lane."""

    kind: str
    subject_id: int
    organization_id: int
    queue: str
    lane: str | None = None
    priority: int = 50
    run_at: datetime | None = None
    dedupe_key: str | None = None


class NotInTransaction(RuntimeError):
    """Work was enqueued outside a transaction: it could exist without its row, or the row without it."""


def enqueue(order: Order) -> None:
    """Add one item. Raises NotInTransaction."""
    enqueue_many([order])


def enqueue_many(orders: Iterable[Order]) -> None:
    """Add items in one statement, in order; an item whose dedupe key already waits is merged into it.

    Raises: NotInTransaction.
    """
    if not transaction.get_connection().in_atomic_block:
        raise NotInTransaction("enqueue() belongs into the transaction that writes the row it is about")
    now = clock.now()
    rows = [_row(order, now) for order in orders]
    if not rows:
        return
    has_keys = any(row.dedupe_key for row in rows)
    WorkItem.objects.bulk_create(rows, ignore_conflicts=has_keys)
    for queue in {row.queue for row in rows if row.state == WorkState.READY}:
        transaction.on_commit(lambda queue=queue: nudge.ring(queue))  # type: ignore[misc]


def _row(order: Order, now: datetime) -> WorkItem:
    run_at = order.run_at or now
    return WorkItem(
        kind=order.kind,
        subject_id=order.subject_id,
        organization_id=order.organization_id,
        queue=order.queue,
        lane=order.lane,
        priority=order.priority,
        state=WorkState.SCHEDULED if run_at > now else WorkState.READY,
        run_at=run_at,
        dedupe_key=order.dedupe_key,
        created_at=now,
    )
