"""What the vendor says happened to our messages: an append-only ledger, a status that only moves forward."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db.models import Q

from chatboost.core import clock, live
from chatboost.core.db import rows as db_rows
from chatboost.core.work import queue as work
from chatboost.core.work.kinds import BatchKind, Item
from chatboost.messaging.models import (
    STATUS_RANK,
    AttemptState,
    DeliveryStatus,
    Message,
    MessageStatus,
    SendAttempt,
    WebhookReceipt,
)
from chatboost.messaging.services import failures
from chatboost.messaging.services.receipts import STATUS_KIND
from chatboost.messaging.webhooks import whatsapp_payload
from chatboost.messaging.webhooks.whatsapp_payload import DeliveryWord, StatusUpdate

logger = structlog.get_logger(__name__)

JOIN_KIND = "messaging.join_status"
JOIN_DELAY = timedelta(seconds=10)

# Our word for the vendor's. Other words are kept in the ledger and move nothing.
STATUS_OF_WORD = {
    DeliveryWord.SENT: MessageStatus.SENT,
    DeliveryWord.DELIVERED: MessageStatus.DELIVERED,
    DeliveryWord.READ: MessageStatus.READ,
    DeliveryWord.PLAYED: MessageStatus.READ,
    DeliveryWord.FAILED: MessageStatus.FAILED,
}

CHANGED_FIELDS = [
    "status",
    "external_id",
    "reason",
    "reason_detail",
    "sent_at",
    "delivered_at",
    "read_at",
    "changed_at",
]


class StatusKind(BatchKind[dict[int, WebhookReceipt], tuple[WebhookReceipt, StatusUpdate] | None]):
    """Writes status receipts into the ledger and moves the messages they are about."""

    name = STATUS_KIND

    def load(self, items: Sequence[Item]) -> dict[int, WebhookReceipt]:
        """Fetch the receipts."""
        return WebhookReceipt.objects.in_bulk([item.subject_id for item in items])

    def apply(
        self, item: Item, context: dict[int, WebhookReceipt]
    ) -> tuple[WebhookReceipt, StatusUpdate] | None:
        """Read one receipt; None when it can't be read."""
        receipt = context.get(item.subject_id)
        if receipt is None:
            return None
        try:
            return receipt, whatsapp_payload.parse_status(receipt.payload)
        except whatsapp_payload.PayloadError as error:
            logger.warning("receipt_unreadable", receipt=receipt.pk, error=str(error))
            return None

    def save(
        self,
        results: Sequence[tuple[WebhookReceipt, StatusUpdate] | None],
        context: dict[int, WebhookReceipt],
    ) -> None:
        """Append to the ledger, then move the messages."""
        rows = [_row(receipt, update) for receipt, update in filter(None, results)]
        if not rows:
            return
        messages = _messages_of(rows)
        for row in rows:
            row.message = messages.get((row.channel_id, row.external_id)) or messages.get(row.tracker)
        db_rows.create(rows, on_conflict=db_rows.ON_CONFLICT_DO_NOTHING)
        _settle_attempts([row for row in rows if row.message])
        advance([(row.message, row) for row in rows if row.message], now=clock.now())
        _come_back_for([row for row in rows if row.message is None])


def advance(pairs: Iterable[tuple[Message, DeliveryStatus]], *, now: datetime) -> None:
    """Move messages to what the statuses say, never backwards; the rows must be locked. One statement."""
    changed: dict[int, Message] = {}
    for message, status in pairs:
        if _apply(message, status, now):
            changed[message.pk] = message
    if changed:
        db_rows.update(changed.values(), CHANGED_FIELDS)
        for conversation_id in {message.conversation_id for message in changed.values()}:
            live.changed(f"conversation:{conversation_id}")
        failures.tell_senders(changed.values())


def _apply(message: Message, status: DeliveryStatus, now: datetime) -> bool:
    """Change one message; returns whether anything changed."""
    before = _shown(message)
    message.external_id = message.external_id or status.external_id
    word = STATUS_OF_WORD.get(DeliveryWord(status.status)) if status.status in set(DeliveryWord) else None
    if word is not None:
        # The vendor counts in whole seconds: nothing was sent before it was written.
        _note_time(message, word, max(status.occurred_at, message.created_at))
        _move(message, word, status)
    is_changed = before != _shown(message)
    if is_changed:
        message.changed_at = now
    return is_changed


def _move(message: Message, word: MessageStatus, status: DeliveryStatus) -> None:
    if STATUS_RANK[word] <= STATUS_RANK[MessageStatus(message.status)]:
        return
    message.status, message.reason, message.reason_detail = word, "", ""
    if word == MessageStatus.FAILED:
        message.reason, message.reason_detail = status.error_code or "failed", status.error_detail


def _shown(message: Message) -> tuple[object, ...]:
    return message.status, message.external_id, message.sent_at, message.delivered_at, message.read_at


def _note_time(message: Message, word: MessageStatus, at: datetime) -> None:
    # Read implies delivered, delivered implies sent: vendors skip steps. The earliest counts, in whatever
    # order they come.
    if word in (MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ):
        message.sent_at = min(message.sent_at or at, at)
    if word in (MessageStatus.DELIVERED, MessageStatus.READ):
        message.delivered_at = min(message.delivered_at or at, at)
    if word == MessageStatus.READ:
        message.read_at = min(message.read_at or at, at)


def _row(receipt: WebhookReceipt, update: StatusUpdate) -> DeliveryStatus:
    error = update.errors[0] if update.errors else None
    return DeliveryStatus(
        organization_id=receipt.organization_id,
        channel_id=receipt.channel_id,
        external_id=update.external_id,
        tracker=_uuid(update.tracker),
        status=update.status.value,
        error_code=str(error.code) if error and error.code is not None else "",
        error_detail=(error.details or error.title or "")[:300] if error else "",
        occurred_at=update.occurred_at or receipt.received_at,
        received_at=receipt.received_at,
    )


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def _messages_of(rows: Sequence[DeliveryStatus]) -> dict[object, Message]:
    """Return the messages, locked in id order, by (channel, vendor id) and by tracker."""
    trackers = {
        tracker: (message_id, channel_id)
        for tracker, message_id, channel_id in SendAttempt.objects.filter(
            tracker__in=[row.tracker for row in rows if row.tracker]
        ).values_list("tracker", "message_id", "message__channel_id")
    }
    channels = {row.channel_id for row in rows}
    wanted = Q(channel_id__in=channels, external_id__in=[row.external_id for row in rows])
    wanted |= Q(pk__in=[message_id for message_id, _ in trackers.values()], channel_id__in=channels)
    locked = list(Message.objects.filter(wanted, direction="outbound").select_for_update().order_by("id"))
    by_id = {message.pk: message for message in locked}
    found: dict[object, Message] = {
        (message.channel_id, message.external_id): message for message in locked if message.external_id
    }
    for row in rows:
        message_id, channel_id = trackers.get(row.tracker, (0, 0)) if row.tracker else (0, 0)
        # A tracker only counts on the channel it was sent on.
        if message_id in by_id and channel_id == row.channel_id:
            found[row.tracker] = by_id[message_id]
    return found


def _settle_attempts(rows: Sequence[DeliveryStatus]) -> None:
    """An echo proves that an attempt was accepted, whatever its answer was."""
    # Of its own message only: a tracker of another channel's send proves nothing.
    echoes = {(row.message_id, row.tracker): row for row in reversed(rows) if row.tracker}
    found = SendAttempt.objects.filter(
        tracker__in={tracker for _, tracker in echoes},
        state__in=[AttemptState.SENDING, AttemptState.UNKNOWN],
    ).order_by("id")
    attempts = [attempt for attempt in found if (attempt.message_id, attempt.tracker) in echoes]
    for attempt in attempts:
        echo = echoes[attempt.message_id, attempt.tracker]
        attempt.state, attempt.external_id = AttemptState.ACCEPTED, echo.external_id
        attempt.finished_at = echo.received_at
    db_rows.update(attempts, ["state", "external_id", "finished_at"])


def _come_back_for(orphans: Sequence[DeliveryStatus]) -> None:
    """A status without a message may be ahead of our own commit: look once more a little later."""
    if not orphans:
        return
    keys = Q()
    for row in orphans:
        keys |= Q(
            channel_id=row.channel_id,
            external_id=row.external_id,
            status=row.status,
            occurred_at=row.occurred_at,
        )
    stored = DeliveryStatus.objects.filter(keys, message=None).values_list("id", "organization_id")
    work.enqueue_many(
        work.Order(
            kind=JOIN_KIND,
            subject_id=status_id,
            organization_id=organization_id,
            queue="maintenance",
            run_at=clock.now() + JOIN_DELAY,
            dedupe_key=str(status_id),
        )
        for status_id, organization_id in stored
    )
