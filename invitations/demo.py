"""The demo's invitations: a sandbox of fifty people, and a batch that makes their cards."""

from datetime import datetime

from invitations.choices import SourceKind
from invitations.models import InvitationSource
from invitations.services import batches, sources
from teams.models import Membership, Organization
from teams.roles import Role

SOURCE = "Sandbox"
BATCH = "Demo invitations"


def seed(organization: Organization, now: datetime) -> None:
    """Make the sandbox and begin its batch, once; and the source of the environment's Mautic."""
    sources.create_from_environment(organization)
    own = InvitationSource.objects.for_organization(organization)
    if own.filter(kind=SourceKind.SANDBOX).exists():
        return
    owner = Membership.objects.for_organization(organization).filter(role=Role.OWNER).earliest("id").user
    source = sources.create(
        organization=organization, kind=SourceKind.SANDBOX, name=SOURCE, lucky_digits=4, actor=owner
    )
    batches.start(batches.create(source=source, name=BATCH, actor=owner), actor=owner)
