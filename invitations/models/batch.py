"""Batches: the invitations of one run."""

import uuid

from django.db import models
from django.db.models import F, Q

from chatboost.core import clock
from invitations.choices import BatchState, Origin
from invitations.models.layout import LayoutVersion
from invitations.models.plan import Plan
from invitations.models.source import InvitationSource


class InvitationBatch(Plan):
    """One run through the contacts of a source.

        draft --(start)--> running <--(pause, resume)--> paused
                            |   ^ \\--(everything has ended)--> completed   all are done
                            |   |                          --> partial     some are
                            |   \\--(failed ones again)------- --> failed      none is
                            \\--(cancel)--> cancelled

    Counts are of invitations, and move in the transaction that ends one; contacts that were left out, since
    they have a link or an invitation, count as skipped and have no row. `fetch_cursor` is where the next
    page of contacts begins. A dry run makes the cards of the first five contacts, and uploads nothing.

    `lucky_taken` is how many numbers of the range have been given out: the next one follows from it alone
    (`services.lucky`), so that none comes twice and none is left out.
    """

    uuid = models.UUIDField(default=uuid.uuid4, editable=False)
    source = models.ForeignKey(InvitationSource, on_delete=models.PROTECT, related_name="batches")
    name = models.CharField(max_length=150)
    origin = models.CharField(max_length=10, choices=Origin, default=Origin.PERSON, editable=False)
    state = models.CharField(max_length=10, choices=BatchState, default=BatchState.DRAFT, editable=False)
    is_dry_run = models.BooleanField("dry run", default=False, help_text="Five cards; nothing is uploaded.")
    layout_version = models.ForeignKey(
        LayoutVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="+", editable=False
    )
    changed_since = models.DateTimeField(
        "contacts since", null=True, blank=True, help_text="Only contacts that changed since then."
    )
    fetch_cursor = models.CharField(max_length=200, blank=True, editable=False)
    is_fetched = models.BooleanField(default=False, editable=False)
    fetch_error = models.CharField(max_length=300, blank=True, editable=False)

    total_count = models.PositiveIntegerField(default=0, editable=False)
    done_count = models.PositiveIntegerField(default=0, editable=False)
    failed_count = models.PositiveIntegerField(default=0, editable=False)
    conflict_count = models.PositiveIntegerField(default=0, editable=False)
    skipped_count = models.PositiveIntegerField(default=0, editable=False)

    lucky_seed = models.BigIntegerField(default=0, editable=False)
    lucky_taken = models.PositiveIntegerField(default=0, editable=False)
    folder_id = models.CharField(max_length=100, blank=True, editable=False)
    folder_url = models.URLField(max_length=500, blank=True, editable=False)

    report_file_uuid = models.UUIDField(null=True, blank=True, editable=False)
    actor_id = models.BigIntegerField(null=True, blank=True, editable=False)
    actor_label = models.CharField(max_length=150, blank=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "invitation batch"
        verbose_name_plural = "invitation batches"
        constraints = [
            models.UniqueConstraint(fields=["uuid"], name="invitation_batch_uuid"),
            models.CheckConstraint(
                condition=Q(finished_at__isnull=False) ^ Q(state__in=["draft", "running", "paused"]),
                name="invitation_batch_finished_has_a_time",
            ),
            # The counts are exact, or the end never comes.
            models.CheckConstraint(
                condition=Q(total_count__gte=F("done_count") + F("failed_count") + F("conflict_count")),
                name="invitation_batch_counts_fit",
            ),
            models.CheckConstraint(
                condition=Q(lucky_first__lte=F("lucky_last")), name="invitation_batch_range"
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-id"], name="invitation_batch_list"),  # changelist
            # A webhook: is there a batch of the source to join?
            models.Index(fields=["source", "state", "-id"], name="invitation_batch_of_source"),
            # Retention: oldest finished first.
            models.Index(fields=["finished_at"], name="invitation_batch_finished"),
        ]

    def __str__(self) -> str:
        return self.name
