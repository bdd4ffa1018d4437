"""The page of the own organization's settings."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelect2Widget

from chatboost.core.admin import OrganizationAdmin, register
from chatboost.core.admin.scoping import organization_of
from chatboost.core.errors import DomainError
from teams.models import Organization
from teams.services import organizations


class OrganizationSettingsForm(forms.ModelForm[Organization]):
    """How an organization is called and how it reads times and texts."""

    # Set by the page when the service said no to what was entered.
    refusal: DomainError | None = None

    time_zone = forms.ChoiceField(
        choices=lambda: [(name, name.replace("_", " ")) for name in sorted(available_timezones())],
        widget=UnfoldAdminSelect2Widget,
        help_text="Times in the console and days in statistics follow it.",
    )

    class Meta:
        model = Organization
        fields = ("name", "time_zone", "language")
        help_texts = {"language": "A language tag, such as en or pt-BR."}

    def clean(self) -> dict[str, Any] | None:
        """Put the service's refusal beside the fields it is about."""
        cleaned = super().clean()
        for name, found in (self.refusal.errors if self.refusal else {}).items():
            self.add_error(name if name in self.fields else None, ValidationError(list(found)))
        return cleaned


@register(Organization)
class OrganizationSettingsAdmin(OrganizationAdmin):
    """The own organization, alone in its list."""

    form = OrganizationSettingsForm  # type: ignore[assignment]
    list_display = ("name", "slug", "time_zone", "language")
    fields = ("name", "slug", "time_zone", "language", "created_at")
    readonly_fields = ("slug", "created_at")

    def scope(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the own organization."""
        organization = organization_of(request)
        return queryset.filter(pk=organization.pk) if organization else queryset.none()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Another organization is opened by signing up or through the API."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An organization does not go by a button."""
        return False

    def save_model(self, request: HttpRequest, obj: Organization, form: Any, change: bool) -> None:
        """Change it through the service."""
        organizations.update(organization=obj, name=obj.name, time_zone=obj.time_zone, language=obj.language)
