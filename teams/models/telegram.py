"""Telegram: the chat an organization is told in, and what was written there."""

from django.db import models
from django.db.models import Q

from chatboost.core import clock
from chatboost.core.fields import EncryptedTextField
from chatboost.core.models import OrganizationModel


class TelegramChat(OrganizationModel):
    """The bot and the chat of an organization. Without one the environment's counts, where staff lets it.

    Telegram turns a group into a supergroup with another id; the chat follows it.
    """

    bot_token = EncryptedTextField()
    chat_id = models.CharField(
        max_length=64, blank=True, help_text="A number, or @name for a public channel. Empty: not yet known."
    )
    is_enabled = models.BooleanField(default=True)
    error = models.CharField(max_length=300, blank=True, help_text="Why Telegram refuses us, if it does.")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    checked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization"], name="telegram_chat_once_per_organization"),
        ]

    def __str__(self) -> str:
        return f"Telegram chat {self.chat_id or 'not yet known'}"


class TelegramMessageState(models.TextChoices):
    """Where a message stands."""

    QUEUED = "queued", "Queued"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"
    UNKNOWN = "unknown", "Unclear"


class TelegramMessage(OrganizationModel):
    """One message to the organization's chat.

    queued ──▶ sending ──▶ sent | failed
       ▲          └──▶ unknown: the answer was lost; sent again once, which Telegram can't tell from new
       └── not now: 429, 5xx, not reached
    """

    text = models.TextField(max_length=4096)
    state = models.CharField(max_length=10, choices=TelegramMessageState, default=TelegramMessageState.QUEUED)
    error = models.CharField(max_length=300, blank=True)
    attempt_count = models.PositiveIntegerField(default=0)
    external_id = models.CharField(max_length=64, blank=True, help_text="Telegram's message_id.")
    dedupe_key = models.CharField(max_length=150, null=True, blank=True)  # noqa: DJ001 NULLs are never equal
    created_at = models.DateTimeField(default=clock.now, editable=False)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "dedupe_key"], name="telegram_message_once"),
            models.CheckConstraint(
                condition=Q(state__in=TelegramMessageState.values), name="telegram_message_state_known"
            ),
        ]
        indexes = [
            # Retention: oldest first.
            models.Index(fields=["created_at"], name="telegram_message_created"),
        ]

    def __str__(self) -> str:
        return self.text[:60]
