"""Invitations: one contact's card, and what has been done for it."""

import uuid

from django.db import models
from django.db.models import Q

from chatboost.core import clock
from chatboost.core.models import OrganizationModel
from invitations.choices import InvitationState, Step, StepState
from invitations.models.batch import InvitationBatch
from invitations.models.source import InvitationSource


class Invitation(OrganizationModel):
    """A contact of a batch, from the photo to the link.

        pending --> running --(the last step)--> done
           ^  |        |  \\--(a person changed the link)--> conflict
           |  |        \\--(a step can't be done)--> failed (`error_code` says why)
           |  \\--(cancelled)--> cancelled
           \\--(again)-- failed, conflict

    `step` is the first one that is not finished; what has been done stands in the ledger (`InvitationStep`).
    A source's contact has one standing invitation, however often it is fetched. `uuid` is the card's public
    name. `crop` and `face` are `[x, y, width, height]` in pixels of the stored photo.
    """

    uuid = models.UUIDField(default=uuid.uuid4, editable=False)
    batch = models.ForeignKey(InvitationBatch, on_delete=models.CASCADE, related_name="invitations")
    source = models.ForeignKey(InvitationSource, on_delete=models.PROTECT, related_name="+")
    external_id = models.CharField(max_length=200, help_text="The contact’s, at the source.")
    is_dry_run = models.BooleanField(default=False, editable=False)
    name = models.CharField(max_length=200, blank=True)
    email = models.CharField(max_length=254, blank=True)
    values = models.JSONField(default=dict, help_text="The contact’s fields, as they were.")
    photo_url = models.CharField(max_length=2048, blank=True)
    lucky_serial = models.PositiveIntegerField(null=True, editable=False)
    lucky_number = models.CharField(max_length=40, blank=True)

    state = models.CharField(max_length=10, choices=InvitationState, default=InvitationState.PENDING)
    step = models.CharField(max_length=10, choices=Step, default=Step.PHOTO)
    error_code = models.CharField(max_length=40, blank=True)
    error_detail = models.CharField(max_length=300, blank=True)
    notes = models.JSONField(default=list, help_text="What is not as wished: a default avatar, …")

    photo_uuid = models.UUIDField(null=True, editable=False)
    photo_width = models.PositiveIntegerField(null=True, editable=False)
    photo_height = models.PositiveIntegerField(null=True, editable=False)
    face = models.JSONField(null=True, blank=True)
    crop = models.JSONField(null=True, blank=True, help_text="Set by hand: x, y, width, height.")
    card_uuid = models.UUIDField(null=True, editable=False)
    card_media_type = models.CharField(max_length=40, blank=True, editable=False)
    card_width = models.PositiveIntegerField(null=True, editable=False)
    card_height = models.PositiveIntegerField(null=True, editable=False)
    thumbnail_uuid = models.UUIDField(null=True, editable=False)
    drive_id = models.CharField(max_length=100, blank=True, editable=False)
    is_on_drive = models.BooleanField(default=False, editable=False)
    link = models.URLField(max_length=500, blank=True)
    found_link = models.CharField(
        max_length=500, blank=True, help_text="What stood at the source instead of our link."
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["uuid"], name="invitation_uuid"),
            models.UniqueConstraint(
                fields=["source", "external_id"],
                condition=Q(is_dry_run=False, state__in=["pending", "running", "done", "conflict"]),
                name="invitation_once_per_contact",
            ),
            models.UniqueConstraint(fields=["batch", "external_id"], name="invitation_once_per_batch"),
            models.UniqueConstraint(fields=["batch", "lucky_serial"], name="invitation_lucky_once"),
        ]
        indexes = [
            models.Index(fields=["organization", "-id"], name="invitation_list"),  # changelist
            # A batch's page, counting, retrying, cancelling: its invitations by state.
            models.Index(fields=["batch", "state", "id"], name="invitation_of_batch"),
            # Which have a card on the way to Drive without a name of their own there?
            models.Index(
                fields=["batch", "id"],
                condition=Q(drive_id="", state__in=["pending", "running"]),
                name="invitation_without_drive_id",
            ),
            # Erasing a person.
            models.Index(fields=["organization", "email"], name="invitation_email"),
            # Retention: whose pictures, oldest finished first.
            models.Index(
                fields=["finished_at"], condition=Q(photo_uuid__isnull=False), name="invitation_photo_kept"
            ),
            models.Index(
                fields=["finished_at"], condition=Q(card_uuid__isnull=False), name="invitation_card_kept"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email or self.external_id


class InvitationStep(OrganizationModel):
    """A step of an invitation: begun once, ended once, whoever died in between.

    started --> done | skipped | failed; a failed one is started again when somebody asks for it.
    """

    invitation = models.ForeignKey(Invitation, on_delete=models.CASCADE, related_name="steps")
    step = models.CharField(max_length=10, choices=Step)
    state = models.CharField(max_length=10, choices=StepState, default=StepState.STARTED)
    attempt_count = models.PositiveIntegerField(default=0)
    external_id = models.CharField(max_length=200, blank=True, help_text="The name of what was made.")
    error_code = models.CharField(max_length=40, blank=True)
    error_detail = models.CharField(max_length=300, blank=True)
    started_at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["invitation", "step"], name="invitation_step_once"),
        ]

    def __str__(self) -> str:
        return self.step
