"""The page of the own organization's settings, and of its end."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelect2Widget, UnfoldAdminTextInputWidget

from chatboost.core.admin import OrganizationAdmin, register
from chatboost.core.admin.scoping import organization_of
from chatboost.core.errors import DomainError
from teams.admin.limits import usage_list
from teams.models import Organization
from teams.services import deletion, organizations


class OrganizationSettingsForm(forms.ModelForm[Organization]):
    """How an organization is called and how it reads times and texts."""

    # Set by the page when the service said no to what was entered.
    refusal: DomainError | None = None

    time_zone = forms.ChoiceField(
        choices=lambda: [(name, name.replace("_", " ")) for name in sorted(organizations.time_zones())],
        widget=UnfoldAdminSelect2Widget,
        help_text="Times in the console and days in statistics follow it.",
    )

    class Meta:
        model = Organization
        fields = ("name", "time_zone", "language", "second_step")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What somebody else has changed since the page was opened is no change of its reader's.
        for field in self.fields.values():
            field.show_hidden_initial = True

    def clean(self) -> dict[str, Any] | None:
        """Put the service's refusal beside the fields it is about."""
        cleaned = super().clean()
        for name, found in (self.refusal.errors if self.refusal else {}).items():
            self.add_error(name if name in self.fields else None, ValidationError(list(found)))
        return cleaned


class DeletionForm(forms.Form):
    """Says again which organization is meant."""

    slug = forms.CharField(
        max_length=60,
        label="Slug of the organization",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


@register(Organization)
class OrganizationSettingsAdmin(OrganizationAdmin):
    """The own organization, alone in its list."""

    form = OrganizationSettingsForm  # type: ignore[assignment]
    list_display = ("name", "slug", "time_zone", "language")
    fields = ("name", "slug", "time_zone", "language", "second_step", "used", "created_at")
    readonly_fields = ("slug", "used", "created_at")

    def scope(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the own organization."""
        organization = organization_of(request)
        return queryset.filter(pk=organization.pk) if organization else queryset.none()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Another organization is opened by signing up or through the API."""
        return False

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask for the slug, then mark the organization as deleted."""
        organization = self.get_object(request, object_id)
        if organization is None:
            raise Http404("No such organization.")
        if not self.has_delete_permission(request, organization):
            raise PermissionDenied
        form = DeletionForm(request.POST if request.method == "POST" else None)
        if form.is_valid() and self._is_deleted(request, organization, form):
            return HttpResponseRedirect(reverse("admin:index"))
        context = {
            **self.admin_site.each_context(request),
            "title": f"Delete {organization.name}",
            "organization": organization,
            "form": form,
            "days": settings.ORGANIZATION_PURGE_AFTER.days,
            "back_url": self.url("change", organization.pk),
            "breadcrumbs": [("Organization", self.url("change", organization.pk))],
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "teams/organization_delete.html", context)

    def _is_deleted(self, request: HttpRequest, organization: Organization, form: DeletionForm) -> bool:
        try:
            deletion.delete(organization=organization, slug=form.cleaned_data["slug"], actor=request.user)
        except DomainError as refusal:
            form.add_error("slug", refusal.message)
            return False
        messages.success(request, f"{organization.name} is deleted.")
        return True

    @display(description="in use")
    def used(self, organization: Organization) -> SafeString:
        """Tell how much it has of what is limited."""
        return usage_list(organization)

    def save_model(self, request: HttpRequest, obj: Organization, form: Any, change: bool) -> None:
        """Change through the service what was changed on the page."""
        changed = {name: form.cleaned_data[name] for name in form.changed_data}
        organizations.update(organization=obj, actor=request.user, **changed)
