"""How much of this room's an organization may have."""

from teams.limits import declare
from triggers.models import Trigger

declare(
    "triggers", "triggers", 250, lambda organization: Trigger.objects.for_organization(organization).count()
)
