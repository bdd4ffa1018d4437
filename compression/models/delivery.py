"""Completion webhooks."""

import uuid

from django.db import models

from chatboost.core import clock
from chatboost.core.models import OrganizationModel
from compression.choices import DeliveryState
from compression.models.request import CompressionRequest


class CompletionDelivery(OrganizationModel):
    """What tells somebody's server that a round of a request has ended; one a round.

        queued --> sending --(2xx)--> answered
           ^         |  \\--(refused, or no more tries)--> failed
           \\--------\\--(no answer, 5xx …)

    Its uuid goes along as Idempotency-Key, so a repeated call can be recognised. Tries that did not succeed
    are `WorkAttempt` rows of its work item.
    """

    uuid = models.UUIDField(default=uuid.uuid4, editable=False)
    request = models.ForeignKey(CompressionRequest, on_delete=models.CASCADE, related_name="deliveries")
    round = models.PositiveSmallIntegerField()
    url = models.URLField(max_length=2000)
    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.QUEUED)
    attempt_count = models.PositiveSmallIntegerField(default=0)
    response_status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "completion deliveries"
        constraints = [
            models.UniqueConstraint(fields=["uuid"], name="compression_delivery_uuid"),
            models.UniqueConstraint(fields=["request", "round"], name="compression_delivery_once_a_round"),
        ]
        indexes = [
            models.Index(fields=["organization", "-id"], name="compression_delivery_list")
        ]  # changelist

    def __str__(self) -> str:
        return f"{self.url} {self.pk}"
