"""Conversations: one contact on one channel."""

from django.db import models

from chatboost.core import clock
from chatboost.core.models import OrganizationModel
from chatboost.messaging.models.bot import Bot, Channel
from chatboost.messaging.models.contact import Contact


class Conversation(OrganizationModel):
    """Everything said between a contact and a channel, and until when we may answer freely.

    WhatsApp allows free-form messages for 24 hours after the contact's last one: `window_expires_at`.
    """

    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, related_name="conversations")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="conversations")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="conversations")
    window_expires_at = models.DateTimeField(null=True, blank=True)
    last_inbound_at = models.DateTimeField(null=True, blank=True)
    last_message_at = models.DateTimeField(null=True, blank=True)
    is_bot_paused = models.BooleanField(default=False, help_text="A person has taken over.")
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["channel", "contact"], name="conversation_once_per_channel"),
        ]
        indexes = [
            # Inbox: newest first.
            models.Index(fields=["organization", "-last_message_at"], name="conversation_inbox"),
        ]

    def __str__(self) -> str:
        return f"Conversation {self.pk}"
