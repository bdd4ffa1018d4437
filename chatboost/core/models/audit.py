"""Who did what: written by services, beside the change, and never changed."""

from django.db import models

from chatboost.core import clock


class AuditEntry(models.Model):
    """One act of a person or a key. `changes` maps a field to [before, after]; secrets are never in it."""

    organization_id = models.BigIntegerField(default=0, help_text="0: the installation itself.")
    actor_id = models.BigIntegerField(null=True, blank=True, help_text="Empty: the system.")
    actor_label = models.CharField(max_length=150)
    verb = models.CharField(max_length=64)
    object_type = models.CharField(max_length=64, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object_label = models.CharField(max_length=200, blank=True)
    changes = models.JSONField(default=dict, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            # Console and API: an organization's log, newest first.
            models.Index(fields=["organization_id", "-id"], name="audit_organization"),
            # An object's own history.
            models.Index(fields=["object_type", "object_id", "-id"], name="audit_object"),
            # Retention: oldest first.
            models.Index(fields=["created_at"], name="audit_created"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_label}: {self.verb}"
