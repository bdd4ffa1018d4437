"""Figures of this room for /metrics."""

from chatboost.core import metrics
from chatboost.messaging.models import Message, MessageStatus


def unknown_sends() -> int:
    """Count messages of which nobody knows whether they went out. One query."""
    return Message.objects.across_organizations().filter(status=MessageStatus.UNKNOWN).count()


metrics.register("unknown_sends", "Messages whose outcome is not known.", unknown_sends)
