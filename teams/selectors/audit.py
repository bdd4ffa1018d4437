"""The audit log, read."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from chatboost.core.models import AuditEntry
from teams.models import Organization

# What an export may be narrowed by, as lookups.
FILTERS = {
    "actor": "actor_label__icontains",
    "verb": "verb",
    "object_type": "object_type",
    "object_id": "object_id",
    "created_after": "created_at__gte",
    "created_before": "created_at__lt",
}


def of_organization(organization: Organization) -> QuerySet[AuditEntry]:
    """Return an organization's entries, the newest first: the kernel's table holds a plain number."""
    return AuditEntry.objects.filter(organization_id=organization.pk).order_by("-id")


def narrowed(entries: QuerySet[AuditEntry], given: Mapping[str, Any]) -> QuerySet[AuditEntry]:
    """Keep the entries that all the given filters (of FILTERS) let through."""
    return entries.filter(**{FILTERS[name]: value for name, value in given.items()})
