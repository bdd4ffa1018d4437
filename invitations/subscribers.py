"""What this room hears from the others, by the names of their events."""

from collections.abc import Mapping
from typing import Any

from chatboost.core import events
from invitations import privacy
from invitations.choices import SourceKind
from invitations.models import InvitationSource
from teams.models import Organization


def forget_contact(payload: Mapping[str, Any], organization_id: int) -> None:
    """Forget the invitations of one of our own contacts who was erased."""
    organization = Organization.objects.filter(pk=organization_id).first()
    if organization is None:
        return
    own = InvitationSource.objects.for_organization(organization).filter(kind=SourceKind.CONTACTS)
    for source in own.order_by("id"):
        privacy.forget(organization, privacy.Who(source=source, external_id=str(payload["contact_id"])))


events.subscribe("contact_erased", name="invitations.contact_forgotten", handler=forget_contact)
