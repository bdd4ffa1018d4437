"""What the API remembers of requests: answers to repeat, and counters of limits."""

from django.db import models

from chatboost.core import clock
from chatboost.core.fields import EncryptedTextField


class IdempotencyRecord(models.Model):
    """The first answer to a keyed request, given again to its repetitions.

    Written in the transaction of the request's own changes: it exists exactly when they do.
    """

    organization_id = models.BigIntegerField()
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, path and body.")
    status = models.PositiveSmallIntegerField(default=0)
    # Answers may hold a secret that is shown once.
    body = EncryptedTextField(blank=True)
    content_type = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization_id", "key"], name="idempotency_one_per_key"),
        ]
        indexes = [
            # Retention: oldest first.
            models.Index(fields=["created_at"], name="idempotency_created"),
        ]

    def __str__(self) -> str:
        return self.key


class RateCounter(models.Model):
    """How often something happened in the running window; used where no Redis counts."""

    key = models.CharField(max_length=200)
    count = models.PositiveIntegerField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key"], name="ratecounter_key")]
        indexes = [
            # Retention: windows that are over.
            models.Index(fields=["expires_at"], name="ratecounter_expires"),
        ]

    def __str__(self) -> str:
        return self.key
