"""Settings of the organization: a form per room, made from the room's dataclass."""

import dataclasses
from datetime import time, timedelta
from functools import cached_property
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold import widgets

from chatboost.core import preferences
from chatboost.core.admin.forms import LinesField
from chatboost.core.admin.pages import ConsolePage
from chatboost.core.errors import DomainError
from chatboost.core.preferences import Room
from chatboost.core.preferences.fields import Setting

PERMISSION = "core.change_organizationsettings"


class SettingsForm(forms.Form):
    """The base of a room's form. `version` is what the settings were when the form was made."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def show(self, refusal: DomainError) -> None:
        """Put a service's refusal beside the fields it is about."""
        for name, found in refusal.errors.items():
            self.add_error(name if name in self.fields else None, ValidationError(found))
        if not refusal.errors:
            self.add_error(None, refusal.message)


class TimeInput(widgets.UnfoldAdminTextInputWidget):
    """The browser's own field for a time of day."""

    input_type = "time"

    def format_value(self, value: Any) -> str | None:
        """Write a time as the browser reads it."""
        return f"{value:%H:%M}" if isinstance(value, time) else value


class SettingsPage(ConsolePage):
    """One room's settings; without a room in the path, those of the first."""

    permission = PERMISSION
    template_name = "core/settings.html"
    title = "Settings"

    @cached_property
    def room(self) -> Room:
        """The room of the path, or 404."""
        rooms = preferences.rooms()
        first = rooms[0].name if rooms else ""
        found = preferences.room(self.kwargs.get("room", first))
        if found is None:
            raise Http404("No such settings.")
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the form and the other rooms."""
        form = kwargs.get("form") or self._form()
        shown = {"room": self.room, "rooms": preferences.rooms(), "form": form}
        return super().get_context_data(**{**kwargs, **shown})

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Change what was changed, or show the form again and say why not."""
        form = form_class(self.room)(request.POST)
        if form.is_valid():
            try:
                preferences.change(
                    organization_id=self.organization.pk,
                    type=self.room.type,
                    actor=request.user,
                    **form.cleaned_data,
                )
            except DomainError as refusal:
                form.show(refusal)
            else:
                messages.success(request, "The settings are saved.")
                return HttpResponseRedirect(reverse("admin:settings_room", args=[self.room.name]))
        return self.render_to_response(self.get_context_data(form=form))

    def _form(self) -> forms.Form:
        organization_id, type_ = self.organization.pk, self.room.type
        # First the version: a change in between is then noticed, and not overwritten.
        version = preferences.version_of(organization_id, type_)
        now = preferences.get(organization_id, type_)
        shown = {field.name: getattr(now, field.name) for field in dataclasses.fields(type_)}
        return form_class(self.room)(initial={"version": version, **shown})


def form_class(room: Room) -> Any:
    """Return the form of a room's settings."""
    return type("RoomForm", (SettingsForm,), {each.name: field_of(each) for each in room.settings})


def field_of(of: Setting) -> forms.Field:
    """Return the form field of a setting."""
    shared: dict[str, Any] = {"label": of.label, "help_text": of.help}
    if of.choices:
        return forms.ChoiceField(choices=of.choices, widget=widgets.UnfoldAdminSelectWidget, **shared)
    if of.type is bool:
        return forms.BooleanField(required=False, widget=widgets.UnfoldBooleanSwitchWidget, **shared)
    if of.type is int:
        widget = widgets.UnfoldAdminIntegerFieldWidget
        return forms.IntegerField(min_value=of.minimum, max_value=of.maximum, widget=widget, **shared)
    if of.type is time:
        return forms.TimeField(widget=TimeInput, **shared)
    if of.type is timedelta:
        shared["help_text"] = f"{of.help} As days hours:minutes:seconds, such as 1 12:00:00.".strip()
        return forms.DurationField(widget=widgets.UnfoldAdminTextInputWidget, **shared)
    if of.type is str:
        return forms.CharField(
            required=bool(of.minimum),
            max_length=of.maximum,
            widget=widgets.UnfoldAdminTextInputWidget,
            **shared,
        )
    shared["help_text"] = f"{of.help} One on each line.".strip()
    return LinesField(required=bool(of.minimum), **shared)
