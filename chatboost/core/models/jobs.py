"""Long work that a person started and follows: imports, exports, reports, aggregations."""

from django.db import models
from django.db.models import Q

from chatboost.core import clock


class JobState(models.TextChoices):
    """Where a job is."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class Job(models.Model):
    """One long piece of work, done in chunks; each chunk's rows and counts commit together.

        queued --(first chunk)--> running --(last chunk)--> done
           |                        |  \\--(gave up)------> failed --(its work is tried again)--> running
           \\------(cancelled)------\\--------------------> cancelled

    `cursor` is where the next chunk begins, so a crash repeats nothing. Files are named by their public id.
    """

    organization_id = models.BigIntegerField()
    actor_id = models.BigIntegerField(null=True, blank=True, help_text="The user who started it.")
    actor_label = models.CharField(max_length=150, blank=True)
    kind = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=JobState, default=JobState.QUEUED)
    total_count = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: not known yet.")
    done_count = models.PositiveIntegerField(default=0)
    failed_count = models.PositiveIntegerField(default=0)
    input = models.JSONField(default=dict, blank=True)
    cursor = models.JSONField(default=dict, blank=True)
    result = models.JSONField(default=dict, blank=True)
    result_file_uuid = models.UUIDField(null=True, blank=True)
    error_file_uuid = models.UUIDField(null=True, blank=True)
    error = models.TextField(blank=True)
    is_cancel_requested = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=clock.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(finished_at__isnull=False) ^ Q(state__in=["queued", "running"]),
                name="job_finished_has_a_time",
            ),
        ]
        indexes = [
            # Console and API: an organization's jobs, newest first.
            models.Index(fields=["organization_id", "-id"], name="job_organization"),
            # Retention: oldest finished first.
            models.Index(fields=["finished_at"], name="job_finished"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
