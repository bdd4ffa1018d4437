"""API keys of an organization."""

from django.conf import settings
from django.db import models

from chatboost.core import clock
from chatboost.core.models import OrganizationModel
from teams.roles import Role


class ApiKey(OrganizationModel):
    """A key for programs: `cb_<prefix>_<secret>`. Only the secret's SHA-256 is stored; it is shown once.

    It acts with `role` in its organization, or with `scopes` out of what that role holds, if any are set.
    """

    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12)
    secret_hash = models.CharField(max_length=64)
    role = models.CharField(max_length=10, choices=Role, default=Role.EDITOR)
    scopes = models.JSONField(default=list, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API key"
        constraints = [models.UniqueConstraint(fields=["prefix"], name="api_key_prefix_unique")]

    def __str__(self) -> str:
        return f"{self.name} (cb_{self.prefix}…)"
