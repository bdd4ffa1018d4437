"""The limits of an organization, on its page for the installation's staff."""

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from unfold.admin import TabularInline
from unfold.forms import PaginationInlineFormSet
from unfold.widgets import UnfoldAdminSelectWidget

from chatboost.core.admin.scoping import is_staff
from teams import limits
from teams.models import Organization, OrganizationLimit


def usage_list(organization: Organization) -> SafeString:
    """Show how much an organization has of what is limited."""
    rows = (
        (capfirst(each.label), f"{each.used:,}", "any number" if each.value is None else f"{each.value:,}")
        for each in limits.usage(organization)
    )
    return format_html_join("", "<div>{}: {} of {}</div>", rows)


class LimitForm(forms.ModelForm[OrganizationLimit]):
    """A limit of its own."""

    name = forms.ChoiceField(
        choices=lambda: [(each.name, each.label) for each in limits.registered().values()],
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = OrganizationLimit
        fields = ("name", "value")


class LimitFormSet(PaginationInlineFormSet):
    """The limits of one organization: the hidden id of a row finds no other's."""

    def add_fields(self, form: Any, index: int | None) -> None:
        """Keep the choices of the hidden id to the organization of the page."""
        super().add_fields(form, index)
        named = form.fields.get(self._pk_field.name)
        if isinstance(named, forms.ModelChoiceField) and named.queryset is not None:
            named.queryset = named.queryset.filter(organization=self.instance)


class LimitInline(TabularInline):
    """Limits that stand in place of the defaults."""

    model = OrganizationLimit
    form = LimitForm
    formset = LimitFormSet
    extra = 0
    verbose_name = "limit"
    verbose_name_plural = "limits in place of the defaults"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the user is of the installation's staff."""
        return is_staff(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the user is of the installation's staff."""
        return is_staff(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the user is of the installation's staff."""
        return is_staff(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the user is of the installation's staff."""
        return is_staff(request)
