"""Reading invitations: for lists, one with its steps, and by the public name of a card."""

from typing import Any, Final
from uuid import UUID

from django.db.models import Prefetch, QuerySet

from chatboost.core.files.store import ready
from chatboost.core.models import File
from chatboost.core.tenancy import activity
from invitations import links
from invitations.choices import STEPS
from invitations.models import Invitation, InvitationStep

# What /invitations/pictures/ serves.
PURPOSES: Final = ("invitation-photo", "invitation-card", "invitation-asset")


def listed(rows: "QuerySet[Any]") -> "QuerySet[Any]":
    """Return invitations for a list: without their contacts' fields."""
    return rows.select_related("batch").defer("values")


def detailed(rows: "QuerySet[Any]") -> "QuerySet[Any]":
    """Return invitations with their steps. One more query."""
    steps = Prefetch("steps", queryset=InvitationStep.objects.order_by("id"))
    return rows.select_related("batch").prefetch_related(steps)


def steps_of(invitation: Invitation) -> list[InvitationStep]:
    """Return what stands in the ledger, in the order of the steps."""
    return sorted(invitation.steps.all(), key=lambda row: STEPS.index(row.step))


def public(uuid: UUID) -> tuple[Invitation, File] | None:
    """Return the card that anybody may see who knows its name, with its file; None where there is none.

    None, too: while there is no card yet, once its file is gone, and for dry runs, which nobody is sent.
    """
    rows = Invitation.objects.across_organizations().select_related("organization").defer("values")
    invitation = rows.filter(uuid=uuid, is_dry_run=False).exclude(card_uuid=None).first()
    if invitation is None or activity.inactive({invitation.organization_id}):
        return None
    file = ready().filter(uuid=invitation.card_uuid, organization_id=invitation.organization_id).first()
    return (invitation, file) if file is not None else None


def picture_url(uuid: UUID | None) -> str | None:
    """Return where one of an invitation's pictures is, for members whose role opens it."""
    return f"{links.base()}/invitations/pictures/{uuid}" if uuid else None
