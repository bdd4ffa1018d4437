"""Filters of changelists."""

from typing import Any

from django.db.models import Field
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from chatboost.core.admin.scoping import organization_of

# A select with more entries than this helps nobody.
MAX_CHOICES = 200


class OrganizationRelatedFilter(RelatedDropdownFilter):
    """Choose a related row of the same organization; Django would list everybody's."""

    def field_choices(
        self, field: Field[Any, Any], request: HttpRequest, model_admin: Any
    ) -> list[tuple[Any, str]]:
        """Return the organization's rows by name."""
        organization = organization_of(request)
        rows = field.related_model._default_manager.filter(organization=organization)  # type: ignore[union-attr]
        ordering = self.field_admin_ordering(field, request, model_admin) or ["pk"]
        return [(row.pk, str(row)) for row in rows.order_by(*ordering)[:MAX_CHOICES]]


__all__ = ["ChoicesDropdownFilter", "OrganizationRelatedFilter"]
