"""Layouts: what a card looks like, version by version, and the pictures and fonts that they use."""

import uuid

from django.db import models

from chatboost.core import clock
from chatboost.core.models import OrganizationModel
from invitations.choices import AssetKind


class InvitationLayout(OrganizationModel):
    """A layout under its name. Batches begin with its latest version, and keep the one they began with."""

    uuid = models.UUIDField(default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    version_count = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        verbose_name = "invitation layout"
        constraints = [
            models.UniqueConstraint(fields=["uuid"], name="invitation_layout_uuid"),
            models.UniqueConstraint(fields=["organization", "name"], name="invitation_layout_name"),
        ]

    def __str__(self) -> str:
        return self.name


class LayoutVersion(OrganizationModel):
    """A layout as it was saved, for ever. `assets` maps the names in the document to the files of then."""

    layout = models.ForeignKey(InvitationLayout, on_delete=models.CASCADE, related_name="versions")
    uuid = models.UUIDField(default=uuid.uuid4, editable=False)
    number = models.PositiveIntegerField()
    document = models.JSONField()
    assets = models.JSONField(default=dict)
    actor_label = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["uuid"], name="invitation_layout_version_uuid"),
            models.UniqueConstraint(fields=["layout", "number"], name="invitation_layout_version_number"),
        ]

    def __str__(self) -> str:
        return f"version {self.number}"


class LayoutAsset(OrganizationModel):
    """A picture or a font that layouts name. Another one of the same name takes its place in new versions."""

    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=AssetKind)
    file_uuid = models.UUIDField(editable=False)
    media_type = models.CharField(max_length=60, editable=False)
    width = models.PositiveIntegerField(null=True, editable=False)
    height = models.PositiveIntegerField(null=True, editable=False)
    family = models.CharField(max_length=200, blank=True, editable=False, help_text="Of a font.")
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        verbose_name = "layout asset"
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="invitation_asset_name"),
        ]

    def __str__(self) -> str:
        return self.name
