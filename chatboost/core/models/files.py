"""Files that the product made or was given."""

import uuid
from typing import Any

from django.db import models

from chatboost.core import clock


class FileState(models.TextChoices):
    """Whether the bytes are whole. A crash leaves `writing`, which retention removes with its bytes."""

    WRITING = "writing", "Writing"
    READY = "ready", "Ready"


class FileQuerySet(models.QuerySet[Any]):
    """Files by organization."""

    def for_organization(self, organization: Any) -> "FileQuerySet":
        """Keep the files of one organization (an instance or its id)."""
        return self.filter(organization_id=getattr(organization, "pk", organization))


class File(models.Model):
    """One file in the storage, at `{purpose}/{organization}/{yyyy}/{mm}/{uuid}`.

    Never served from a media address: `chatboost.core.files.serve` asks for a permission or a signed link.
    """

    uuid = models.UUIDField(default=uuid.uuid4, editable=False)
    organization_id = models.BigIntegerField()
    purpose = models.CharField(max_length=40)
    permission = models.CharField(
        max_length=80, help_text="Who may fetch it without a signed link, e.g. messaging.export."
    )
    path = models.CharField(max_length=200)
    name = models.CharField(max_length=200, help_text="What a download is called.")
    content_type = models.CharField(max_length=120)
    size = models.PositiveBigIntegerField(default=0, help_text="Bytes.")
    sha256 = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=8, choices=FileState, default=FileState.WRITING)
    created_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField(null=True, blank=True)

    objects = FileQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["uuid"], name="file_uuid")]
        indexes = [
            # Retention: what has expired.
            models.Index(fields=["expires_at"], name="file_expires"),
            # Retention: what a crash left unfinished.
            models.Index(fields=["created_at"], condition=models.Q(state="writing"), name="file_unfinished"),
        ]

    def __str__(self) -> str:
        return self.name
