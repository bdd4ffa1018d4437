"""The outbox: events of one room that another reacts to."""

from django.db import models

from chatboost.core import clock


class OutboxEvent(models.Model):
    """One published event, kept for its subscribers' work items and then until retention removes it."""

    name = models.CharField(max_length=64)
    organization_id = models.BigIntegerField(default=0)
    payload = models.JSONField()
    hops = models.PositiveSmallIntegerField(default=0, help_text="How many events led to this one.")
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes = [
            # Retention: oldest first.
            models.Index(fields=["created_at"], name="outbox_created"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.pk}"
