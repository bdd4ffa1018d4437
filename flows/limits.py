"""How much of this room's an organization may have."""

from flows.models import Flow
from teams.limits import declare

declare("flows", "flows", 250, lambda organization: Flow.objects.for_organization(organization).count())
