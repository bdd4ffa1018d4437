"""Messages, the attempts to send them, and what the vendor said happened to them."""

import uuid

from django.db import models
from django.db.models import Q

from chatboost.core import clock
from chatboost.core.models import OrganizationModel
from chatboost.messaging.models.bot import Bot, Channel
from chatboost.messaging.models.contact import Contact
from chatboost.messaging.models.conversation import Conversation


class Direction(models.TextChoices):
    """Who wrote it."""

    INBOUND = "inbound", "Inbound"
    OUTBOUND = "outbound", "Outbound"


class MessageStatus(models.TextChoices):
    """Where a message is."""

    RECEIVED = "received", "Received"
    QUEUED = "queued", "Queued"
    SENDING = "sending", "Sending"
    UNKNOWN = "unknown", "Unclear"
    REFUSED = "refused", "Refused"
    SENT = "sent", "Sent"
    DELIVERED = "delivered", "Delivered"
    READ = "read", "Read"
    FAILED = "failed", "Failed"


# A message never moves to a smaller rank. `failed` is final: a late `sent` can't undo it, and it can't
# undo a delivery that did happen.
STATUS_RANK = {
    MessageStatus.RECEIVED: 0,
    MessageStatus.QUEUED: 0,
    MessageStatus.SENDING: 1,
    MessageStatus.UNKNOWN: 2,
    MessageStatus.REFUSED: 9,
    MessageStatus.SENT: 3,
    MessageStatus.FAILED: 4,
    MessageStatus.DELIVERED: 5,
    MessageStatus.READ: 6,
}


class OriginKind(models.TextChoices):
    """Who wrote an outbound message. `origin_id` is the row's id in the room that owns the noun."""

    API = "api", "API"
    OPERATOR = "operator", "Operator"
    FLOW = "flow", "Flow"
    CAMPAIGN = "campaign", "Campaign"
    ASSISTANT = "assistant", "Assistant"
    CONTACT = "contact", "Contact"


class Message(OrganizationModel):
    """One message of a conversation.

        queued --> sending --> sent --> delivered --> read
          |          |  \\--> unknown --(status echo)--> sent …   (never resent blindly)
          |          |            \\--(silence is evidence)--> sending, once
          |          \\--> queued (vendor said "later")
          |           \\--> failed
          \\--> refused (the gate said no)

    An inbound message is `received`, for ever. `uuid` is our own reference, sent along as the vendor's
    callback data. `changed_at` moves with every change, for readers that follow with an overlap.
    """

    uuid = models.UUIDField(default=uuid.uuid4, editable=False)
    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, related_name="messages")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="messages")
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="messages")
    direction = models.CharField(max_length=8, choices=Direction)
    status = models.CharField(max_length=10, choices=MessageStatus)
    type = models.CharField(max_length=24, default="text")
    text = models.TextField(blank=True, help_text="What a person reads; the whole is in content.")
    content = models.JSONField(default=dict)
    external_id = models.CharField(max_length=255, blank=True, help_text="The vendor's id (wamid).")
    reply_to_external_id = models.CharField(max_length=255, blank=True)
    origin_kind = models.CharField(max_length=10, choices=OriginKind)
    origin_id = models.BigIntegerField(null=True, blank=True)
    reason = models.CharField(
        max_length=40, blank=True, help_text="Why it was refused or failed: a stable code."
    )
    reason_detail = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    sent_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(default=clock.now, editable=False)
    paced_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Until when it uses up the pace of its conversation."
    )

    class Meta:
        constraints = [
            # One effect per vendor id, for ever, whatever the broker forgot.
            models.UniqueConstraint(
                fields=["channel", "external_id"],
                condition=~Q(external_id=""),
                name="message_external_id_unique",
            ),
            models.UniqueConstraint(fields=["uuid"], name="message_uuid_unique"),
        ]
        indexes = [
            # The thread of a conversation, newest first.
            models.Index(fields=["conversation", "-id"], name="message_thread"),
            # GET /whatsapp/messages/{bot_id}, newest first.
            models.Index(fields=["bot", "-id"], name="message_history"),
            # Changelist, newest first.
            models.Index(fields=["organization", "-id"], name="message_list"),
            # Readers that follow changes: analytics, campaigns.
            models.Index(fields=["organization", "changed_at"], name="message_changes"),
            # Metrics and the home page: sends whose outcome nobody knows.
            models.Index(
                fields=["organization"], condition=models.Q(status="unknown"), name="message_unknown"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.direction} {self.pk}"


class AttemptState(models.TextChoices):
    """What is known about one call to the vendor."""

    SENDING = "sending", "Sending"
    ACCEPTED = "accepted", "Accepted"
    REJECTED = "rejected", "Rejected"
    UNKNOWN = "unknown", "Unclear"


class SendAttempt(OrganizationModel):
    """One call to the vendor, written before it is made: a crash leaves evidence.

    The vendor carries `tracker` back in each status, which settles an attempt whose answer was lost. Until
    `busy_until` the attempt counts among the channel's messages of a second (see `work.pacing`).
    """

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    tracker = models.UUIDField(default=uuid.uuid4)
    state = models.CharField(max_length=10, choices=AttemptState, default=AttemptState.SENDING)
    external_id = models.CharField(max_length=255, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    error_detail = models.CharField(max_length=300, blank=True)
    started_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    # The message's own, for the index: the message sees to it that it exists, and goes with it.
    channel = models.ForeignKey(
        Channel, on_delete=models.DO_NOTHING, null=True, related_name="+", db_constraint=False, db_index=False
    )
    busy_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message", "number"], name="attempt_number_unique"),
            models.UniqueConstraint(fields=["tracker"], name="attempt_tracker_unique"),
        ]
        indexes = [
            # Pacing: how many of a channel's sends fall into this second.
            models.Index(
                fields=["channel", "busy_until"],
                condition=Q(busy_until__isnull=False),
                name="attempt_busy",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.number}"


class DeliveryStatus(OrganizationModel):
    """One status the vendor reported; append-only. The message shows the highest rank of its rows.

    A status can arrive before our own commit of the vendor's id: it is kept without a message, and joined
    by tracker or by id.
    """

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="+")
    message = models.ForeignKey(Message, on_delete=models.CASCADE, null=True, related_name="statuses")
    external_id = models.CharField(max_length=255)
    tracker = models.UUIDField(null=True)
    status = models.CharField(max_length=16)
    error_code = models.CharField(max_length=40, blank=True)
    error_detail = models.CharField(max_length=300, blank=True)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "external_id", "status", "occurred_at"], name="delivery_status_unique"
            ),
        ]
        indexes = [
            # Joining orphans when the vendor's id becomes known.
            models.Index(
                fields=["channel", "external_id"],
                condition=Q(message__isnull=True),
                name="delivery_status_orphans",
            ),
            # Is silence evidence? Statuses of later sends on the same number.
            models.Index(fields=["channel", "received_at"], name="delivery_status_recent"),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.external_id}"
