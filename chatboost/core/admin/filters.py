"""Filters of changelists."""

from datetime import datetime, time, timedelta
from typing import Any

from django.db.models import Field, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateFilter, RelatedDropdownFilter
from unfold.utils import parse_date_str

from chatboost.core.admin.scoping import organization_of

# A select with more entries than this helps nobody.
MAX_CHOICES = 200
# Beyond these a time zone's midnight may lie outside of what a date can be.
FIRST_YEAR, LAST_YEAR = 1900, 9000


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


class DayRangeFilter(RangeDateFilter):
    """Choose days, the last one included, as the organization's clock counts them."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the rows of these days; what is no date is passed over."""
        first, last = self._day("from"), self._day("to")
        if first is not None:
            queryset = queryset.filter(**{f"{self.parameter_name}__gte": first})
        if last is not None:
            queryset = queryset.filter(**{f"{self.parameter_name}__lt": last + timedelta(days=1)})
        return queryset

    def _day(self, end: str) -> datetime | None:
        day = parse_date_str(str(self.used_parameters.get(f"{self.parameter_name}_{end}") or ""))
        is_sane = day is not None and FIRST_YEAR <= day.year <= LAST_YEAR
        return datetime.combine(day, time.min, timezone.get_current_timezone()) if day and is_sane else None


__all__ = ["ChoicesDropdownFilter", "DayRangeFilter", "OrganizationRelatedFilter"]
