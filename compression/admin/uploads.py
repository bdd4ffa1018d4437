"""The upload's page: a table is handed in, or what is wrong with it is said row by row."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.forms.widgets import Script
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from unfold import widgets

from chatboost.core import preferences
from chatboost.core.admin.scoping import is_allowed, organization_of
from chatboost.core.errors import DomainError
from compression.choices import Mode, Output
from compression.preferences import CompressionSettings
from compression.services import requests
from compression.services.requests import Wishes
from compression.uploads import TableHandler

CHANGE = "compression.change_compressionrequest"
SHOWN_ERRORS = 50
LIST = "admin:compression_compressionrequest_changelist"


class UploadForm(forms.Form):
    """A table, where the result goes, and how the images shall come out."""

    file = forms.FileField(
        label="Table",
        widget=widgets.UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.tsv,.txt,.xlsx"}),
        help_text="CSV or Excel (.xlsx), with the columns’ names in the first row.",
    )
    email = forms.EmailField(
        label="E-mail",
        max_length=254,
        widget=widgets.UnfoldAdminEmailInputWidget,
        help_text="Gets the output table when all images have ended.",
    )
    mode = forms.ChoiceField(
        label="Compress by", choices=Mode.choices, widget=widgets.UnfoldAdminSelectWidget
    )
    quality = forms.IntegerField(
        min_value=1,
        max_value=100,
        widget=widgets.UnfoldAdminIntegerFieldWidget,
        help_text="1 to 100. At 50 a photo keeps about a quarter of its bytes.",
    )
    percent = forms.IntegerField(
        label="Percent of the bytes",
        min_value=1,
        max_value=100,
        widget=widgets.UnfoldAdminIntegerFieldWidget,
        help_text="No output is larger than this share of its input.",
    )
    output = forms.ChoiceField(label="Format", choices=Output.choices, widget=widgets.UnfoldAdminSelectWidget)
    webhook_url = forms.URLField(
        label="Webhook",
        required=False,
        max_length=2000,
        assume_scheme="https",
        widget=widgets.UnfoldAdminURLInputWidget,
        help_text="Optional. Gets a signed POST when all images have ended.",
    )

    class Media:
        css = {"all": ["compression/compression.css"]}
        js = [Script("compression/upload.js", type="module")]


class UploadPage:
    """Mixin of the requests' pages: the upload."""

    admin_site: Any

    @property
    def upload_page(self) -> Any:
        """The upload's view: its handler is set before the form, with the hidden fields on it, is read."""
        protected = csrf_protect(self.admin_site.keep_apart(self.upload_view))

        def handled(request: HttpRequest) -> HttpResponse:
            request.upload_handlers = [TableHandler(request)]
            try:
                return protected(request)
            except DomainError as refusal:
                # A file that was too large took the other fields with it.
                return self._page(request, _fresh(request), refusal)

        return csrf_exempt(handled)

    def upload_view(self, request: HttpRequest) -> HttpResponse:
        """Show the form; a POST hands the table in."""
        if not is_allowed(request, CHANGE):
            raise PermissionDenied
        if request.method != "POST":
            return self._page(request, _fresh(request))
        try:
            form = UploadForm(request.POST, request.FILES)
            if not form.is_valid():
                return self._page(request, form)
            made = _hand_in(request, form.cleaned_data)
        except DomainError as refusal:
            return self._page(request, _without_errors(UploadForm(request.POST)), refusal)
        return HttpResponseRedirect(reverse("admin:compression_compressionrequest_change", args=[made.pk]))

    def _page(
        self, request: HttpRequest, form: forms.Form, refusal: DomainError | None = None
    ) -> HttpResponse:
        errors = [(place, message) for place, found in _errors(refusal) for message in found]
        context = {
            **self.admin_site.each_context(request),
            "title": "Compress images",
            "page_title": "Compress images",
            "breadcrumbs": [("Compression", reverse(LIST))],
            "list_url": reverse(LIST),
            "form": form,
            "refusal": refusal,
            "errors": errors[:SHOWN_ERRORS],
            "more_errors": max(0, len(errors) - SHOWN_ERRORS),
            "max_mib": settings.COMPRESSION_MAX_BYTES // 2**20,
            "max_rows": settings.COMPRESSION_MAX_ROWS,
            "media": form.media,
        }
        request.current_app = self.admin_site.name
        status = refusal.status if refusal else 200
        return TemplateResponse(request, "compression/upload.html", context, status=status)


def _fresh(request: HttpRequest) -> UploadForm:
    own = preferences.get(organization_of(request).pk, CompressionSettings)
    return UploadForm(
        initial={
            "email": getattr(request.user, "email", ""),
            "mode": own.mode,
            "quality": own.quality,
            "percent": own.percent,
            "output": own.output,
        }
    )


def _without_errors(form: UploadForm) -> UploadForm:
    """Keep what was typed; what is wrong is said above."""
    if not form.is_bound:
        return form
    return UploadForm(initial={name: form.data.get(name) for name in form.fields if name != "file"})


def _hand_in(request: HttpRequest, given: dict[str, Any]) -> Any:
    submission = requests.check(
        email=given["email"],
        file=given["file"].file,
        file_name=given["file"].name,
        webhook_url=given["webhook_url"],
        wishes=Wishes(
            mode=given["mode"], quality=given["quality"], percent=given["percent"], output=given["output"]
        ),
    )
    return requests.store(organization=organization_of(request), submission=submission, actor=request.user)


def _errors(refusal: DomainError | None) -> list[tuple[str, list[str]]]:
    return list(refusal.errors.items()) if refusal else []
