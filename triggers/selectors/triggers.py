"""Reading triggers."""

from typing import Any

from django.db.models import Count, Q

from chatboost.core import clock
from teams.models import Organization
from triggers.models import Trigger, TriggerLog, TriggerType


def statistics(organization: Organization) -> dict[str, Any]:
    """Count the organization's triggers and firings; two queries."""
    midnight = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    counts = Trigger.objects.for_organization(organization).aggregate(
        total=Count("id"),
        active=Count("id", filter=Q(is_active=True)),
        **{kind: Count("id", filter=Q(trigger_type=kind)) for kind in TriggerType.values},
    )
    firings = TriggerLog.objects.for_organization(organization).aggregate(
        firings=Count("id"), firings_today=Count("id", filter=Q(created_at__gte=midnight))
    )
    return {
        "total": counts["total"],
        "active": counts["active"],
        "by_type": {kind: counts[kind] for kind in TriggerType.values},
        **firings,
    }
