"""Rows of an organization, or of the installation itself: number 0, which only its staff may see."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from chatboost.core.admin.base import ReadOnlyAdmin
from chatboost.core.admin.buttons import DetailAction
from chatboost.core.admin.scoping import INSTALLATION, is_staff, organization_of


class InstallationAdmin(ReadOnlyAdmin):
    """Pages of rows that hold an organization's plain number, or 0."""

    def scope(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the organization's rows for its role, and the installation's for its staff."""
        organization = organization_of(request)
        shown = Q(pk__in=[])
        if organization and self.allows(request, "view"):
            shown |= Q(organization_id=organization.pk)
        if is_staff(request):
            shown |= Q(organization_id=INSTALLATION)
        return queryset.filter(shown)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the role may look, or the user is of the installation's staff."""
        return self.allows(request, "view") or is_staff(request)

    def may_do(self, request: HttpRequest, action: DetailAction, obj: Any) -> bool:
        """Tell whether the role may, or, with a row of the installation, whoever is of its staff."""
        if obj.organization_id == INSTALLATION:
            return is_staff(request)
        return super().may_do(request, action, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Tell whether there is anything to look at."""
        return self.has_view_permission(request)
