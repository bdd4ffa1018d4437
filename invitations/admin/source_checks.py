"""The check of a source: who we are there, what fields there are, and what they mean to us."""

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from unfold import widgets

from chatboost.core.admin.scoping import is_allowed
from chatboost.core.errors import DomainError
from invitations.admin.asked import CHANGE_SOURCES
from invitations.choices import AudienceKind, SourceKind
from invitations.models import InvitationSource
from invitations.providers.base import Checked
from invitations.services import sources as services

# A field that no source has by this name: nothing is mapped to it.
NOTHING: Final = ("", "— nothing —")


class MappingForm(forms.Form):
    """What the source's fields mean; choices come from the check, but whatever is a text is taken."""

    first_name = forms.CharField(label="Name", max_length=100)
    second_name = forms.CharField(label="and", required=False, max_length=100)
    email_field = forms.CharField(label="E-mail", required=False, max_length=100)
    photo_field = forms.CharField(label="Photo", required=False, max_length=100)
    lucky_field = forms.CharField(label="Lucky number", required=False, max_length=100)
    link_field = forms.CharField(label="Link goes to", required=False, max_length=100)
    audience = forms.CharField(label="Contacts", required=False, max_length=220)

    def offer(self, checked: Checked, source: InvitationSource) -> None:
        """Show what the check found as choices."""
        found = [(each.alias, f"{each.label} ({each.alias})") for each in checked.fields]
        for name, field in self.fields.items():
            if name == "audience":
                continue
            choices = found if name == "first_name" else [NOTHING, *found]
            field.widget = widgets.UnfoldAdminSelectWidget(choices=_with(choices, self.initial.get(name)))
        if source.kind == SourceKind.FILE:
            del self.fields["audience"]
            return
        audiences = [(AudienceKind.ALL.value, "All contacts")]
        audiences += [
            (f"{each.kind}:{each.id}", f"{str(each.kind).capitalize()}: {each.name}")
            for each in checked.audiences
            if each.kind != AudienceKind.ALL
        ]
        now = self.initial.get("audience")
        self.fields["audience"].widget = widgets.UnfoldAdminSelectWidget(choices=_with(audiences, now))

    def changes(self) -> dict[str, Any]:
        """Return what the service is to be told."""
        data = self.cleaned_data
        names = [data["first_name"], data["second_name"]]
        told = {name: data[name] for name in ("email_field", "photo_field", "lucky_field", "link_field")}
        told["name_fields"] = ", ".join(dict.fromkeys(name for name in names if name))
        if data.get("audience"):
            told["audience"], _, told["audience_id"] = data["audience"].partition(":")
        return told


class CheckPages:
    """Mixin of the sources' pages: the check and the mapping."""

    admin_site: Any

    def check_connection(self, request: HttpRequest, source: InvitationSource) -> HttpResponse:
        """Ask the source, and show what it says."""
        checked = services.check(source)
        form = MappingForm(initial=_mapping(source))
        form.offer(checked, source)
        context = {
            **self.admin_site.each_context(request),
            "title": "Connection",
            "breadcrumbs": [
                ("Sources", self.url("changelist")),  # type: ignore[attr-defined]
                (source.name, self.url("change", source.pk)),  # type: ignore[attr-defined]
            ],
            "source": source,
            "checked": checked,
            "form": form,
            "map_url": self.url("map", source.pk),  # type: ignore[attr-defined]
            "back_url": self.url("change", source.pk),  # type: ignore[attr-defined]
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "invitations/source_check.html", context)

    def map_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Take what the fields mean."""
        source = self.get_object(request, str(pk))  # type: ignore[attr-defined]
        if source is None:
            raise Http404("No such source.")
        if not is_allowed(request, CHANGE_SOURCES):
            raise PermissionDenied
        form = MappingForm(request.POST)
        if not form.is_valid():
            messages.error(request, "Choose at least the field that holds the name.")
            return HttpResponseRedirect(self.url("change", pk))  # type: ignore[attr-defined]
        try:
            services.change(source, actor=request.user, **form.changes())
        except DomainError as refusal:
            messages.error(request, refusal.message)
        else:
            messages.success(request, "Saved. “Dry run on five” shows the first cards.")
        return HttpResponseRedirect(self.url("change", pk))  # type: ignore[attr-defined]


def _mapping(source: InvitationSource) -> dict[str, Any]:
    names = [name.strip() for name in source.name_fields.split(",") if name.strip()]
    is_all = source.audience == AudienceKind.ALL
    return {
        "first_name": names[0] if names else "",
        "second_name": names[1] if len(names) > 1 else "",
        "email_field": source.email_field,
        "photo_field": source.photo_field,
        "lucky_field": source.lucky_field,
        "link_field": source.link_field,
        "audience": source.audience if is_all else f"{source.audience}:{source.audience_id}",
    }


def _with(choices: list[tuple[str, str]], now: Any) -> list[tuple[str, str]]:
    """Add what is chosen now, where the source doesn't have it (any more)."""
    if now and all(value != now for value, _ in choices):
        return [*choices, (str(now), f"{now} (not there)")]
    return choices
