"""Mail that was written: the outbox towards a mail server, and the mailbox where there is none."""

from django.db import models

from chatboost.core import clock
from chatboost.core.fields import EncryptedTextField


class MailState(models.TextChoices):
    """Where a mail is."""

    KEPT = "kept", "Kept here"
    QUEUED = "queued", "Queued"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    UNKNOWN = "unknown", "Unclear"
    FAILED = "failed", "Failed"


class Mail(models.Model):
    """One mail to one person.

        kept (no mail server is set: the row is the mailbox)
        queued --(claim)--> sending --(250)--> sent
                   ^           |  \\--(5xx, or no more tries)--> failed
                   |           \\--(connection lost after the body)--> unknown --(once more)--> sent
                   \\--(4xx, not reached)

    Bodies hold links that sign people in, so they are encrypted at rest. The Message-ID never changes: a mail
    that reaches a server twice is recognised as one.
    """

    organization_id = models.BigIntegerField(default=0, help_text="0: about an account, of no organization.")
    message_id = models.CharField(max_length=200)
    to = models.EmailField(max_length=254)
    subject = models.CharField(max_length=200)
    text = EncryptedTextField()
    html = EncryptedTextField(blank=True)
    template = models.CharField(max_length=100)
    file_uuids = models.JSONField(default=list, blank=True, help_text="Attachments, by their public id.")
    dedupe_key = models.CharField(max_length=150, null=True, blank=True)  # noqa: DJ001 null: never merged
    state = models.CharField(max_length=8, choices=MailState, default=MailState.QUEUED)
    attempt_count = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message_id"], name="mail_message_id"),
            # Once for ever: the same notice is never written twice.
            models.UniqueConstraint(fields=["organization_id", "dedupe_key"], name="mail_one_per_dedupe_key"),
        ]
        indexes = [
            # Console: an organization's mailbox, newest first.
            models.Index(fields=["organization_id", "-id"], name="mail_organization"),
            # Retention: oldest first.
            models.Index(fields=["created_at"], name="mail_created"),
        ]

    def __str__(self) -> str:
        return self.subject
