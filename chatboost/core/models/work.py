"""The work table: the queue of record."""

from django.db import models
from django.db.models import Q

from chatboost.core import clock


class WorkState(models.TextChoices):
    """Where an item is. A finished item has no row."""

    SCHEDULED = "scheduled", "Scheduled"
    READY = "ready", "Ready"
    LEASED = "leased", "Leased"
    DEAD = "dead", "Dead"


class WorkItem(models.Model):
    """One piece of work that is owed. Written in the transaction of the row it is about.

        scheduled --(due)--> ready --(claim)--> leased --(finish)--> row deleted
                               ^                  |  \\--(error, back-off)--> ready, run_at ahead
                               |                  |  \\--(8 errors or 3 crashes in a row)--> dead
                               \\--(lease expired)-/

    A `ready` item whose `run_at` lies ahead is in back-off: it keeps its lane closed. A `scheduled` item
    is outside its lane until the sweep promotes it. `crash_count` counts crashes in a row: an item that has
    one is run with nothing beside it in its process, so the next crash is its own. `organization_id` is a
    plain number (0: none), so the kernel depends on no domain.
    """

    kind = models.CharField(max_length=64)
    subject_id = models.BigIntegerField()
    organization_id = models.BigIntegerField(default=0)
    lane = models.CharField(max_length=120, null=True, blank=True)  # noqa: DJ001 null: no lane, outside the index
    queue = models.CharField(max_length=32)
    priority = models.SmallIntegerField(default=50, help_text="Lower runs first.")
    state = models.CharField(max_length=12, choices=WorkState, default=WorkState.READY)
    run_at = models.DateTimeField(default=clock.now)
    lease_until = models.DateTimeField(null=True, blank=True)
    token = models.UUIDField(null=True, blank=True, help_text="Whoever holds the lease.")
    error_count = models.PositiveSmallIntegerField(default=0)
    crash_count = models.PositiveSmallIntegerField(default=0)
    last_error = models.TextField(blank=True)
    dedupe_key = models.CharField(max_length=120, null=True, blank=True)  # noqa: DJ001 null: never merged
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            # The safety net below the claim: one item of a lane at a time.
            models.UniqueConstraint(
                fields=["lane"], condition=Q(state="leased"), name="work_one_leased_per_lane"
            ),
            # Merges work that still waits; once-for-ever is the domain's own constraint.
            models.UniqueConstraint(
                fields=["kind", "dedupe_key"],
                condition=Q(state__in=["scheduled", "ready"]),
                name="work_one_waiting_per_dedupe_key",
            ),
        ]
        indexes = [
            # work.claim: which organizations have work in a queue, and the next items of each.
            models.Index(
                fields=["queue", "organization_id", "priority", "id"],
                condition=Q(state="ready"),
                name="work_claim",
            ),
            # work.claim: has an item that crashed a worker come due again?
            models.Index(
                fields=["queue", "run_at"],
                condition=Q(state="ready", crash_count__gt=0),
                name="work_suspects",
            ),
            # work.claim: is there an older open item in the lane?
            models.Index(
                fields=["lane", "id"], condition=Q(state__in=["ready", "leased"]), name="work_lane_heads"
            ),
            # work.sweep: what is due.
            models.Index(fields=["run_at"], condition=Q(state="scheduled"), name="work_scheduled_due"),
            # work.sweep: whose lease ran out.
            models.Index(fields=["lease_until"], condition=Q(state="leased"), name="work_lease_expiry"),
            # Console: dead letters, newest first.
            models.Index(fields=["-id"], condition=Q(state="dead"), name="work_dead"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_id}"


class AttemptOutcome(models.TextChoices):
    """How a try ended that did not succeed."""

    FAILED = "failed", "Failed"
    CRASHED = "crashed", "Crashed"
    DIED = "died", "Gave up"


class WorkAttempt(models.Model):
    """One try of an item that did not succeed: what a dead letter's page lists.

    Successful tries leave no row: there are millions of them. Kept for a while after the item is gone.
    """

    item_id = models.BigIntegerField()
    organization_id = models.BigIntegerField(default=0)
    kind = models.CharField(max_length=64)
    outcome = models.CharField(max_length=8, choices=AttemptOutcome)
    error = models.TextField(blank=True)
    ended_at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes = [
            # Console: an item's tries, in order.
            models.Index(fields=["item_id", "id"], name="workattempt_item"),
            # Retention: oldest first.
            models.Index(fields=["ended_at"], name="workattempt_ended"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.outcome}"
