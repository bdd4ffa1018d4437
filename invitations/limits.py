"""How much of this room's an organization may have."""

from invitations.choices import UNFINISHED
from invitations.models import InvitationBatch, InvitationLayout, InvitationSource, LayoutAsset
from teams.limits import declare

declare(
    "invitation_sources",
    "invitation sources",
    50,
    lambda organization: InvitationSource.objects.for_organization(organization).count(),
)
declare(
    "invitation_layouts",
    "invitation layouts",
    100,
    lambda organization: InvitationLayout.objects.for_organization(organization).count(),
)
declare(
    "layout_assets",
    "pictures and fonts of layouts",
    500,
    lambda organization: LayoutAsset.objects.for_organization(organization).count(),
)
declare(
    "invitation_batches",
    "invitation batches under way",
    50,
    lambda organization: (
        InvitationBatch.objects.for_organization(organization).filter(state__in=UNFINISHED).count()
    ),
)
