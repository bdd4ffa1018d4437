"""When a vendor's silence about an unclear send is evidence that it never took it."""

from collections.abc import Mapping
from typing import Any

from chatboost.core.models import WorkItem, WorkState
from chatboost.messaging.models import DeliveryStatus, Message, SendAttempt, WebhookReceipt
from chatboost.messaging.services import receipts
from chatboost.messaging.webhooks import whatsapp_payload

# More than these are not looked through: any of them may be ours.
MAX_UNREAD = 500


def is_evidence(message: Message, last: SendAttempt) -> bool:
    """Tell whether a later send on the same number was echoed, and no echo that may be ours lies unread.

    Then the echoes do come, and ours did not.
    """
    is_heard = DeliveryStatus.objects.filter(
        channel_id=message.channel_id,
        received_at__gt=last.started_at,
        message__attempts__started_at__gt=last.started_at,
    ).exists()
    return is_heard and not _may_lie_unread(message)


def _may_lie_unread(message: Message) -> bool:
    """Tell whether a status that has arrived, but was not read yet, names our sends, or nobody's."""
    owed = WorkItem.objects.filter(
        kind=receipts.STATUS_KIND,
        organization_id=message.organization_id,
        state__in=[WorkState.READY, WorkState.LEASED],
    )
    unread = WebhookReceipt.objects.filter(channel_id=message.channel_id, pk__in=owed.values("subject_id"))
    payloads = list(unread.values_list("payload", flat=True)[: MAX_UNREAD + 1])
    if len(payloads) > MAX_UNREAD:
        return True
    trackers = message.attempts.values_list("tracker", flat=True) if payloads else ()
    ours = {str(tracker) for tracker in trackers} | {None}
    return any(_tracker(payload) in ours for payload in payloads)


def _tracker(payload: Mapping[str, Any]) -> str | None:
    try:
        return whatsapp_payload.parse_status(payload).tracker
    except whatsapp_payload.PayloadError:
        return None
