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
    chat_id = models.CharField(max_length=64, blank=True, help_text="Where it stands.")
    sent_as = models.CharField(
        max_length=90, blank=True, help_text="The bot's number, and the chat it asked for."
    )
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


class TelegramBoardState(models.TextChoices):
    """Where the text of a board stands."""

    CURRENT = "current", "Up to date"
    OWED = "owed", "To be changed"
    EDITING = "editing", "Changing"
    FAILED = "failed", "Failed"


class TelegramBoard(OrganizationModel):
    """One message of a chat that is kept up to date. Only its newest text counts.

    current ──▶ owed ──▶ editing ──▶ current | failed
       ▲          ▲          │
       │          └──────────┤ not now, unclear, or another text meanwhile
       └─────────────────────┘ the message is gone: another one takes its place, once
    failed ──▶ owed: another text tries again
    """

    key = models.CharField(max_length=150)
    text = models.TextField(max_length=4096, help_text="What is to stand there.")
    state = models.CharField(max_length=10, choices=TelegramBoardState, default=TelegramBoardState.CURRENT)
    error = models.CharField(max_length=300, blank=True)
    message = models.OneToOneField(
        TelegramMessage, on_delete=models.SET_NULL, null=True, blank=True, related_name="board"
    )
    edit_count = models.PositiveIntegerField(default=0, help_text="Edits tried.")
    message_count = models.PositiveIntegerField(default=0, help_text="Messages made; the last one counts.")
    lost_count = models.PositiveIntegerField(
        default=0, help_text="Messages that could not be changed any more."
    )
    tried_at = models.DateTimeField(default=clock.now)
    changed_at = models.DateTimeField(default=clock.now)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "key"], name="telegram_board_once"),
            models.CheckConstraint(
                condition=Q(state__in=TelegramBoardState.values), name="telegram_board_state_known"
            ),
        ]
        indexes = [
            # Retention: those that changed long ago first.
            models.Index(fields=["changed_at"], name="telegram_board_changed"),
        ]

    def __str__(self) -> str:
        return self.text[:60]


class TelegramPause(models.Model):
    """A chat in which Telegram wants a bot to be silent until then, whoever writes there: retry_after."""

    chat = models.CharField(max_length=90, help_text="The bot's number, and the chat's id.")
    until = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chat"], name="telegram_pause_once")]

    def __str__(self) -> str:
        return self.chat
