"""Putting work into the table: always inside the caller's transaction, beside the row it is about."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from chatboost.core import clock
from chatboost.core.db import rows
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
    _insert(orders, returning=())


def enqueue_known(orders: Iterable[Order]) -> dict[int, int]:
    """Add items as `enqueue_many` does, and return the id of each subject's item."""
    return dict(_insert(orders, returning=("subject_id", "id")))


def _insert(orders: Iterable[Order], returning: Sequence[str]) -> list[tuple[Any, ...]]:
    if not transaction.get_connection().in_atomic_block:
        raise NotInTransaction("enqueue() belongs into the transaction that writes the row it is about")
    now = clock.now()
    now_text = rows.moment(now)
    items = [_item(order, now, now_text) for order in orders]
    if not items:
        return []
    has_keys = any(item["dedupe_key"] for item in items)
    on_conflict = rows.ON_CONFLICT_DO_NOTHING if has_keys else ""
    inserted = rows.insert(WorkItem, items, on_conflict=on_conflict, returning=returning)
    for queue in {item["queue"] for item in items if item["state"] == WorkState.READY}:
        transaction.on_commit(lambda queue=queue: nudge.ring(queue))  # type: ignore[misc]
    return inserted


def _item(order: Order, now: datetime, now_text: str) -> dict[str, Any]:
    """Return the item's columns, every one: model defaults are Python's, not the database's."""
    is_ahead = order.run_at is not None and order.run_at > now
    return {
        "kind": order.kind,
        "subject_id": order.subject_id,
        "organization_id": order.organization_id,
        "queue": order.queue,
        "lane": order.lane,
        "priority": order.priority,
        "state": WorkState.SCHEDULED.value if is_ahead else WorkState.READY.value,
        "run_at": order.run_at or now_text,
        "error_count": 0,
        "crash_count": 0,
        "last_error": "",
        "dedupe_key": order.dedupe_key,
        "created_at": now_text,
    }
