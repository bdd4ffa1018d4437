"""What a command is about: sources and layouts by name or number."""

from typing import TypeVar

from django.core.management.base import CommandError

from chatboost.core.models import OrganizationModel
from invitations.models import InvitationLayout, InvitationSource
from teams.models import Organization

RowT = TypeVar("RowT", bound=OrganizationModel)


def source(organization: Organization, text: str) -> InvitationSource:
    """Return a source. Raises: CommandError."""
    return _found(InvitationSource, organization, text, "source")


def layout(organization: Organization, text: str) -> InvitationLayout:
    """Return a layout. Raises: CommandError."""
    return _found(InvitationLayout, organization, text, "layout")


def _found(model: type[RowT], organization: Organization, text: str, noun: str) -> RowT:
    rows = model.objects.for_organization(organization)
    found: RowT | None = rows.filter(name=text).first()
    if found is None and text.isascii() and text.isdigit() and len(text) < 19:
        found = rows.filter(pk=int(text)).first()
    if found is None:
        known = ", ".join(rows.order_by("name").values_list("name", flat=True)[:20]) or "none"
        raise CommandError(f"There is no {noun} {text}. There are: {known}.")
    return found
