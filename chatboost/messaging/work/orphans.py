"""Statuses that came before the message knew the vendor's id: joined a little later."""

from collections.abc import Sequence

from chatboost.core import clock
from chatboost.core.db import rows as db_rows
from chatboost.core.work.kinds import BatchKind, Item
from chatboost.messaging.models import DeliveryStatus, Message
from chatboost.messaging.work import statuses


class JoinKind(BatchKind[dict[int, DeliveryStatus], DeliveryStatus | None]):
    """Joins orphan statuses; one that still has no message belongs to somebody else's send and stays."""

    name = statuses.JOIN_KIND

    def load(self, items: Sequence[Item]) -> dict[int, DeliveryStatus]:
        """Fetch the statuses that are still without a message."""
        return DeliveryStatus.objects.filter(message=None).in_bulk([item.subject_id for item in items])

    def apply(self, item: Item, context: dict[int, DeliveryStatus]) -> DeliveryStatus | None:
        """Find the item's status."""
        return context.get(item.subject_id)

    def save(self, results: Sequence[DeliveryStatus | None], context: dict[int, DeliveryStatus]) -> None:
        """Join and move the messages."""
        join([status for status in results if status is not None])


def join(orphans: Sequence[DeliveryStatus]) -> None:
    """Give each status its message, by channel and vendor id, and move the message on."""
    if not orphans:
        return
    messages = {
        (message.channel_id, message.external_id): message
        for message in Message.objects.filter(
            channel_id__in={status.channel_id for status in orphans},
            external_id__in={status.external_id for status in orphans},
            direction="outbound",
        )
        .select_for_update()
        .order_by("id")
    }
    joined = []
    for status in orphans:
        status.message = messages.get((status.channel_id, status.external_id))
        if status.message:
            joined.append((status.message, status))
    db_rows.update([status for _, status in joined], ["message_id"])
    statuses.advance(joined, now=clock.now())
