"""The staff's page of announcements."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold import widgets

from chatboost.core.admin import ConsolePage
from chatboost.core.admin.scoping import STAFF
from chatboost.core.errors import DomainError
from teams.models import Severity
from teams.notifications import announcements, texts


class AnnouncementForm(forms.Form):
    """What is said, to whom, and how bad it is."""

    title = forms.CharField(max_length=texts.MAX_TITLE, widget=widgets.UnfoldAdminTextInputWidget)
    body = forms.CharField(
        max_length=texts.MAX_BODY, required=False, label="Text", widget=widgets.UnfoldAdminTextareaWidget
    )
    severity = forms.ChoiceField(choices=Severity.choices, widget=widgets.UnfoldAdminSelectWidget)
    slug = forms.SlugField(
        required=False,
        label="Organization",
        help_text="Its slug. Empty: all organizations.",
        widget=widgets.UnfoldAdminTextInputWidget,
    )


class AnnouncePage(ConsolePage):
    """Tells every member of one organization, or of all."""

    permission = STAFF
    template_name = "teams/announce.html"
    title = "Announcement"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the form."""
        return super().get_context_data(**{"form": AnnouncementForm(), **kwargs})

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Begin to tell them, or show the form again and say why not."""
        form = AnnouncementForm(request.POST)
        if form.is_valid():
            try:
                announcements.start(**form.cleaned_data, actor=request.user)
            except DomainError as refusal:
                form.add_error(None, ValidationError(refusal.message))
            else:
                messages.success(request, "The announcement is on its way.")
                return HttpResponseRedirect(reverse("admin:teams_announce"))
        return self.render_to_response(self.get_context_data(form=form))
