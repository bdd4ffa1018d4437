"""Notifications: what people are told, and by which media."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from chatboost.core import clock
from chatboost.core.models import OrganizationModel


class NotificationType(models.TextChoices):
    """What a notification is about."""

    MESSAGE_STATUS = "message_status", "Message status"
    FLOW_EVENT = "flow_event", "Flow event"
    CAMPAIGN = "campaign", "Campaign"
    BATCH = "batch", "Batch"
    LEAD = "lead", "Lead"
    BOOKING = "booking", "Booking"
    MENTION = "mention", "Mention"
    SYSTEM = "system", "System announcement"
    INCIDENT = "incident", "Incident"


class Medium(models.TextChoices):
    """How a notification reaches people."""

    IN_APP = "in_app", "In the console"
    EMAIL = "email", "E-mail"
    TELEGRAM = "telegram", "Telegram"


class Severity(models.TextChoices):
    """How bad the news is."""

    INFO = "info", "Info"
    SUCCESS = "success", "Success"
    WARNING = "warning", "Warning"
    ERROR = "error", "Error"


class Inbox(models.Model):
    """The counter behind a person's cursors. Its row is locked while numbers are taken, users in id order.

    A number is seen only once everything below it is committed, so a reader that asks for what comes after
    its cursor misses nothing.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    last_seq = models.BigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "inboxes"

    def __str__(self) -> str:
        return f"inbox of {self.user_id}"


class Notification(OrganizationModel):
    """One thing that one person is told. The row comes first; sockets and mails are only carriers of it."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    seq = models.BigIntegerField(
        null=True, blank=True, help_text="The user's cursor. Empty: only by other media than the console."
    )
    type = models.CharField(max_length=20, choices=NotificationType)
    severity = models.CharField(max_length=10, choices=Severity, default=Severity.INFO)
    title = models.CharField(max_length=200)
    body = models.TextField(max_length=2000, blank=True)
    url = models.CharField(max_length=500, blank=True, help_text="A path of the console.")
    object_type = models.CharField(max_length=64, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    dedupe_key = models.CharField(max_length=150, null=True, blank=True)  # noqa: DJ001 NULLs are never equal
    created_at = models.DateTimeField(default=clock.now, editable=False)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "seq"], name="notification_seq_unique"),
            models.UniqueConstraint(
                fields=["organization", "user", "dedupe_key"], name="notification_told_once"
            ),
            models.CheckConstraint(
                condition=Q(type__in=NotificationType.values), name="notification_type_known"
            ),
        ]
        indexes = [
            # The drawer, the API's list, and what a socket has missed.
            models.Index(
                fields=["user", "organization", "seq"],
                condition=Q(seq__isnull=False),
                name="notification_inbox",
            ),
            # The bell: how many are unread.
            models.Index(
                fields=["user", "organization"],
                condition=Q(seq__isnull=False, read_at=None),
                name="notification_unread",
            ),
            # Erasing a person, deleting a thing: what was said about it.
            models.Index(fields=["object_type", "object_id"], name="notification_object"),
            # Retention: oldest first.
            models.Index(fields=["created_at"], name="notification_created"),
        ]

    def __str__(self) -> str:
        return self.title


class NotificationPreference(OrganizationModel):
    """A person's choice for one type and medium in one organization, where it is not the default."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    type = models.CharField(max_length=20, choices=NotificationType)
    medium = models.CharField(max_length=10, choices=Medium)
    is_enabled = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "user", "type", "medium"], name="notification_preference_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} by {self.medium}: {'on' if self.is_enabled else 'off'}"
