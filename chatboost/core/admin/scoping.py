"""What every page of an organization's rows shares: its rows only, its members only, by their role."""

from typing import Any

from django import forms
from django.db import models
from django.db.models import ForeignKey, QuerySet
from django.http import HttpRequest

from chatboost.core.admin.forms import PrettyJSONField
from chatboost.core.models import OrganizationModel

# Asked like a permission where there is no organization to ask about.
STAFF = "staff"
# The number in the place of an organization's, of rows that belong to none.
INSTALLATION = 0


def organization_of(request: HttpRequest) -> Any:
    """Return the organization the middleware put on the request, or None."""
    return getattr(request, "organization", None)


def is_staff(request: HttpRequest) -> bool:
    """Tell whether the user is of the installation's staff."""
    return bool(request.user.is_active and request.user.is_staff)


def is_allowed(request: HttpRequest, permission: str) -> bool:
    """Tell whether the user's role in the request's organization holds a permission (`app.verb_noun`).

    `STAFF` asks for the installation's staff instead.
    """
    if permission == STAFF:
        return is_staff(request)
    organization = organization_of(request)
    return organization is not None and bool(request.user.has_perm(permission, organization))


class OrganizationScope:
    """Mixin for ModelAdmin and inlines: rows, choices and permissions of the request's organization.

    `permission_model` is the model whose permissions are asked, where a row has none of its own.
    """

    model: type[models.Model]
    permission_model: type[models.Model] | None = None
    formfield_overrides = {
        models.JSONField: {"form_class": PrettyJSONField, "widget": PrettyJSONField.widget}
    }

    def allows(self, request: HttpRequest, verb: str) -> bool:
        """Tell whether the role holds `<app>.<verb>_<model>`."""
        opts = (self.permission_model or self.model)._meta
        return is_allowed(request, f"{opts.app_label}.{verb}_{opts.model_name}")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the role may look."""
        return self.allows(request, "view")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the role may create: whoever changes rows may."""
        return self.allows(request, "change")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the role may change."""
        return self.allows(request, "change")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the role may delete."""
        return self.allows(request, "delete")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the organization's rows."""
        return self.scope(request, super().get_queryset(request))  # type: ignore[misc]

    def scope(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the rows of the request's organization; without one there are none."""
        organization = organization_of(request)
        return queryset.filter(organization=organization) if organization else queryset.none()

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> forms.ModelChoiceField[Any] | None:
        """Offer, and accept, rows of the same organization only."""
        related = db_field.related_model
        if isinstance(related, type) and issubclass(related, OrganizationModel) and "queryset" not in kwargs:
            organization = organization_of(request)
            rows = related.objects.all()
            kwargs["queryset"] = rows.for_organization(organization) if organization else rows.none()
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]
