"""Publishing: the event's row and a work item per subscriber, in the caller's transaction."""

import dataclasses
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, ClassVar

import structlog

from chatboost.core.db import rows
from chatboost.core.events.registry import subscriptions
from chatboost.core.models import OutboxEvent
from chatboost.core.work import queue

logger = structlog.get_logger(__name__)

# A loop of triggers ends here.
MAX_HOPS = 5

current_hops: ContextVar[int] = ContextVar("current_hops", default=-1)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events. Fields are ids and scalars; `name` is the wire name."""

    name: ClassVar[str]
    organization_id: int

    def payload(self) -> dict[str, Any]:
        """Return what subscribers get: every field."""
        return dataclasses.asdict(self)


def publish(event: Event) -> None:
    """Write the event and its subscribers' work. Without a subscriber nothing is written.

    Raises: NotInTransaction.
    """
    publish_many([event])


def publish_many(published: Sequence[Event]) -> None:
    """Write events of one kind, in order, as `publish` does: two statements for all of them.

    Raises: NotInTransaction.
    """
    listeners = subscriptions(published[0].name) if published else []
    if not listeners:
        return
    hops = current_hops.get() + 1
    if hops >= MAX_HOPS:
        logger.warning("event_dropped", event_name=published[0].name, hops=hops)
        return
    events = [
        OutboxEvent(
            name=event.name, organization_id=event.organization_id, payload=event.payload(), hops=hops
        )
        for event in published
    ]
    rows.create(events)
    queue.enqueue_many(
        queue.Order(
            kind=listener.kind,
            subject_id=event.pk,
            organization_id=event.organization_id,
            queue=listener.queue,
        )
        for event in events
        for listener in listeners
    )
