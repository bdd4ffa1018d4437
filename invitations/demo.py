"""The demo's invitations: a sandbox of fifty people, and a dry run with five of them."""

from datetime import datetime

from invitations.choices import SourceKind
from invitations.models import InvitationSource
from invitations.services import batches, sources
from teams.models import Membership, Organization
from teams.roles import Role

SOURCE = "Sandbox"
BATCH = "The first five, to look at"


def seed(organization: Organization, now: datetime) -> None:
    """Make the sandbox and try it, once; and the source of the environment's Mautic."""
    sources.create_from_environment(organization)
    own = InvitationSource.objects.for_organization(organization)
    if own.filter(kind=SourceKind.SANDBOX).exists():
        return
    owner = Membership.objects.for_organization(organization).filter(role=Role.OWNER).earliest("id").user
    source = sources.create(
        organization=organization, kind=SourceKind.SANDBOX, name=SOURCE, lucky_digits=4, actor=owner
    )
    batches.start(batches.create(source=source, name=BATCH, is_dry_run=True, actor=owner), actor=owner)
