"""Publishing: the event's row and a work item per subscriber, in the caller's transaction."""

import dataclasses
from contextvars import ContextVar
from typing import Any, ClassVar

import structlog

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
    listeners = subscriptions(event.name)
    if not listeners:
        return
    hops = current_hops.get() + 1
    if hops >= MAX_HOPS:
        logger.warning("event_dropped", event_name=event.name, hops=hops)
        return
    row = OutboxEvent.objects.create(
        name=event.name, organization_id=event.organization_id, payload=event.payload(), hops=hops
    )
    queue.enqueue_many(
        queue.Order(
            kind=listener.kind, subject_id=row.pk, organization_id=event.organization_id, queue=listener.queue
        )
        for listener in listeners
    )
