"""The contacts of a sandbox source: what a Mautic would keep."""

from django.db import models

from chatboost.core import clock
from chatboost.core.models import OrganizationModel
from invitations.models.source import InvitationSource


class SandboxContact(OrganizationModel):
    """A made-up person. `values` are the fields, link included, as Mautic would answer them."""

    source = models.ForeignKey(InvitationSource, on_delete=models.CASCADE, related_name="sandbox_contacts")
    number = models.PositiveIntegerField()
    values = models.JSONField(default=dict)
    changed_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "number"], name="invitation_sandbox_number"),
        ]

    def __str__(self) -> str:
        return f"Sandbox contact {self.number}"
