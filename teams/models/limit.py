"""How much an organization may have."""

from django.db import models

from chatboost.core.models import OrganizationModel


class OrganizationLimit(OrganizationModel):
    """A limit that the installation's staff has set for one organization, in place of the default."""

    name = models.CharField(max_length=64)
    value = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: no limit.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="organization_limit_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {'no limit' if self.value is None else self.value}"
