"""Webhook receipts: what a vendor delivered, as it came."""

from django.db import models

from chatboost.core import clock
from chatboost.core.models import OrganizationModel
from chatboost.messaging.models.bot import Channel


class ReceiptKind(models.TextChoices):
    """What a receipt is about."""

    MESSAGE = "message", "Message"
    STATUS = "status", "Status"
    OTHER = "other", "Other"


class WebhookReceipt(OrganizationModel):
    """One message or status of a delivery; the same key is stored once per channel.

    Kept as long as the organization says. What it caused stays unique for ever by the vendor's ids of the
    message and its statuses.

    Keys: `m:{message id}`, `s:{message id}:{status}:{timestamp}`, `x:{sha256}` for anything else.
    """

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="receipts")
    key = models.CharField(max_length=260)
    kind = models.CharField(max_length=8, choices=ReceiptKind)
    payload = models.JSONField()
    received_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["channel", "key"], name="receipt_key_unique")]
        indexes = [
            # Changelist, newest first.
            models.Index(fields=["organization", "-id"], name="receipt_list"),
            # Retention: oldest first.
            models.Index(fields=["received_at"], name="receipt_received"),
        ]

    def __str__(self) -> str:
        return self.key
