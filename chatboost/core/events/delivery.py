"""Delivery of an outbox event to one subscriber, as a work kind."""

from collections.abc import Sequence

from chatboost.core.events import registry
from chatboost.core.events.outbox import current_hops
from chatboost.core.events.registry import Handler, Subscription
from chatboost.core.models import OutboxEvent
from chatboost.core.work import kinds
from chatboost.core.work.kinds import BatchKind, Item


class DeliveryKind(BatchKind[dict[int, OutboxEvent], OutboxEvent | None]):
    """Calls the subscriber's handler for each event, in the transaction that finishes the items."""

    def __init__(self, subscription: Subscription) -> None:
        self.name = subscription.kind
        self._subscription = subscription

    def load(self, items: Sequence[Item]) -> dict[int, OutboxEvent]:
        """Fetch the events of the items."""
        return OutboxEvent.objects.in_bulk([item.subject_id for item in items])

    def apply(self, item: Item, context: dict[int, OutboxEvent]) -> OutboxEvent | None:
        """Find the item's event; None when retention has removed it."""
        return context.get(item.subject_id)

    def save(self, results: Sequence[OutboxEvent | None], context: dict[int, OutboxEvent]) -> None:
        """Hand each event to the subscriber; what it publishes is one hop further."""
        for event in filter(None, results):
            token = current_hops.set(event.hops)
            try:
                self._subscription.handler(event.payload, event.organization_id)
            finally:
                current_hops.reset(token)


def subscribe(event: str, *, name: str, handler: Handler, queue: str = "interactive") -> Subscription:
    """Register a subscriber, from a room's `subscribers.py`. Its name is for ever: items carry it."""
    subscription = registry.add(event, name=name, handler=handler, queue=queue)
    kinds.register(DeliveryKind(subscription))
    return subscription
