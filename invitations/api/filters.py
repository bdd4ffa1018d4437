"""What lists of this room can be filtered by. A foreign id simply finds nothing."""

import django_filters as filters

from chatboost.core.api.filters import FilterSet, IdFilter
from invitations.choices import AssetKind, BatchState, InvitationState, Origin, SourceKind, Step
from invitations.models import Invitation, InvitationBatch, InvitationSource, LayoutAsset


class SourceFilter(FilterSet):
    """Filters of /invitations/sources/."""

    kind = filters.ChoiceFilter(choices=SourceKind.choices)

    class Meta:
        model = InvitationSource
        fields = ["kind", "is_enabled"]


class AssetFilter(FilterSet):
    """Filters of /invitations/assets/."""

    kind = filters.ChoiceFilter(choices=AssetKind.choices)

    class Meta:
        model = LayoutAsset
        fields = ["kind"]


class BatchFilter(FilterSet):
    """Filters of /invitations/batches/."""

    source_id = IdFilter("source_id")
    state = filters.ChoiceFilter(choices=BatchState.choices)
    origin = filters.ChoiceFilter(choices=Origin.choices)

    class Meta:
        model = InvitationBatch
        fields = ["source_id", "state", "origin", "is_dry_run"]


class InvitationFilter(FilterSet):
    """Filters of /invitations/."""

    batch_id = IdFilter("batch_id")
    source_id = IdFilter("source_id")
    state = filters.ChoiceFilter(choices=InvitationState.choices)
    step = filters.ChoiceFilter(choices=Step.choices)

    class Meta:
        model = Invitation
        fields = ["batch_id", "source_id", "state", "step", "error_code", "external_id", "email"]
