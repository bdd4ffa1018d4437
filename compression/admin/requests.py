"""Requests: how far they are, every image with what it saved, and before beside after."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.forms.widgets import Script
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.cache import get_conditional_response
from django.utils.crypto import salted_hmac
from django.utils.safestring import SafeString
from unfold.decorators import display

from chatboost.core.admin import BulkAction, DetailAction, ReadOnlyAdmin, register
from chatboost.core.admin.display import EMPTY, choice_label
from chatboost.core.admin.filters import ChoicesDropdownFilter, DayRangeFilter
from chatboost.core.admin.scoping import is_allowed
from compression.admin import shown, uploads
from compression.admin.uploads import CHANGE
from compression.choices import OPEN, ImageState
from compression.models import CompressionRequest, Image
from compression.services import requests as services

VIEW = "compression.view_compressionrequest"


@register(CompressionRequest)
class CompressionRequestAdmin(uploads.UploadPage, ReadOnlyAdmin):
    """Requests of the organization, the newest first."""

    list_display = ("title", "state_label", "progress", "failed", "saved", "email", "created_at")
    list_filter = (("state", ChoicesDropdownFilter), ("created_at", DayRangeFilter))
    list_filter_submit = True
    search_fields = ("uuid__exact", "email__istartswith", "file_name__icontains")
    search_help_text = "Request id, e-mail or file name"
    ordering = ("-id",)
    empty_hint = "Hand in a table of image URLs: every image comes back smaller, and the table says how much."
    change_list_template = "core/exchange_list.html"
    change_form_before_template = "compression/request.html"
    detail_actions = (
        DetailAction(
            name="retry_failed",
            label="Try failed images again",
            permission=CHANGE,
            icon="refresh",
            confirm="Try the images again that failed? E-mail and webhook follow again at the end.",
            is_primary=True,
        ),
        DetailAction(
            name="cancel",
            label="Cancel",
            permission=CHANGE,
            icon="cancel",
            confirm="Cancel this request? Images that are done stay. No e-mail is sent.",
        ),
    )
    bulk_actions = (
        BulkAction(
            name="cancel_selected",
            label="Cancel",
            permission=CHANGE,
            confirm="Images that are done stay. No e-mail is sent.",
            run=lambda row, actor: services.cancel(request=row, actor=actor),
        ),
    )
    fieldsets = (
        ("Handed in", {"fields": (("request_id", "mail_goes_to"), ("handed_in_by", "created_at"), "wishes")}),
        ("When", {"fields": (("started_at", "finished_at", "files_expire_at"),)}),
    )

    state_label = choice_label("state")

    class Media:
        css = {"all": ["core/jobs.css", "compression/compression.css"]}
        js = [Script("compression/request.js", type="module")]

    @property
    def page_permissions(self) -> Mapping[str, str]:
        """What the further pages ask."""
        return {
            "compression_compressionrequest_upload": CHANGE,
            "compression_compressionrequest_images": VIEW,
            "compression_compressionrequest_compare": VIEW,
        }

    def get_urls(self) -> list[URLPattern]:
        """Add the upload, the part of a page that moves, and before beside after."""
        view, name = self.admin_site.admin_view, "compression_compressionrequest"
        pages = [
            path("upload/", view(self.upload_page), name=f"{name}_upload"),
            path("<int:pk>/images/", view(self.images_view), name=f"{name}_images"),
            path("<int:pk>/images/<int:image_pk>/", view(self.compare_view), name=f"{name}_compare"),
        ]
        return [*pages, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Add the button to the upload."""
        buttons = [("Compress images", "upload", self.url("upload"))] if is_allowed(request, CHANGE) else []
        return super().changelist_view(request, {"exchange_buttons": buttons, **(extra_context or {})})

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Add what moves."""
        if (row := kwargs.get("obj")) is not None:
            context |= self._moving(request, row)
        return super().render_change_form(request, context, *args, **kwargs)

    def images_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return the part that moves alone, for a page that is open; 304 while nothing has changed."""
        row = self._row(request, pk)
        response = render(request, self.change_form_before_template, self._moving(request, row))
        etag = f'"{salted_hmac("compression.request", response.content).hexdigest()}"'
        response["ETag"] = etag
        response["Cache-Control"] = "private, no-cache"
        return get_conditional_response(request, etag=etag, response=response) or response

    def compare_view(self, request: HttpRequest, pk: int, image_pk: int) -> HttpResponse:
        """Show an image before and after, side by side."""
        row = self._row(request, pk)
        images = Image.objects.filter(request=row).select_related("product")
        image = images.filter(pk=image_pk).first()
        if image is None:
            raise Http404("No such image.")
        context = {
            **self.admin_site.each_context(request),
            "title": image.product.name,
            "page_title": image.product.name,
            "breadcrumbs": [
                ("Compression", self.url("changelist")),
                (str(row), self.url("change", row.pk)),
            ],
            **shown.comparison(row, image),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "compression/compare.html", context)

    def is_shown(self, action: DetailAction, obj: CompressionRequest) -> bool:
        """Offer what is possible now."""
        if action.name == "cancel":
            return obj.state in OPEN
        return obj.state not in OPEN and obj.state != "cancelled" and bool(obj.failed_count)

    def cancel(self, request: HttpRequest, row: CompressionRequest) -> None:
        """End the request."""
        services.cancel(request=row, actor=request.user)
        self.message_user(request, "Cancelled.")

    def retry_failed(self, request: HttpRequest, row: CompressionRequest) -> None:
        """Try what failed again."""
        services.retry_failed(request=row, actor=request.user)
        self.message_user(request, "The failed images are tried again.")

    def _row(self, request: HttpRequest, pk: int) -> CompressionRequest:
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_object(request, str(pk))
        if row is None:
            raise Http404("No such request.")
        found: CompressionRequest = row
        return found

    def _moving(self, request: HttpRequest, row: CompressionRequest) -> dict[str, Any]:
        only = request.GET.get("only", "")
        page = shown.images(row, only=only, page=_number(request.GET.get("page")))
        query = f"?only={only}&page={page.number}" if only in ImageState.values else f"?page={page.number}"
        return {
            "batch": row,
            "batch_label": self.state_label(row),
            "batch_bar": shown.bar(row),
            "batch_numbers": shown.numbers(row),
            "batch_page": page,
            "batch_only": only,
            "batch_states": shown.state_counts(row),
            "batch_url": f"{reverse('admin:compression_compressionrequest_images', args=[row.pk])}{query}",
            "batch_page_url": self.url("change", row.pk),
            "batch_output_url": f"/compression/{row.uuid}/output.csv",
            "batch_delivery": shown.delivery(row),
            "batch_key": shown.signing_key(row)
            if is_allowed(request, "compression.view_signing_key")
            else "",
        }

    @display(description="table")
    def title(self, row: CompressionRequest) -> str:
        """Name the table."""
        return str(row)

    @display(description="progress")
    def progress(self, row: CompressionRequest) -> SafeString:
        """Draw the bar."""
        return render_to_string("core/job_bar.html", shown.bar(row))

    @display(description="failed", ordering="failed_count")
    def failed(self, row: CompressionRequest) -> str:
        """Count what could not be done."""
        return f"{row.failed_count:,}" if row.failed_count else EMPTY

    @display(description="saved")
    def saved(self, row: CompressionRequest) -> str:
        """Say how much smaller the images are."""
        return shown.saving(row.bytes_before, row.bytes_after) or EMPTY

    @display(description="handed in by")
    def handed_in_by(self, row: CompressionRequest) -> str:
        """Name whoever handed it in."""
        return row.actor_label or EMPTY

    @display(description="request id")
    def request_id(self, row: CompressionRequest) -> str:
        """Show what programs call it."""
        return str(row.uuid)

    @display(description="e-mail")
    def mail_goes_to(self, row: CompressionRequest) -> str:
        """Show who gets the output table."""
        return row.email

    @display(description="compressed by")
    def wishes(self, row: CompressionRequest) -> str:
        """Say how the images shall come out."""
        return shown.wishes(row)


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 7 else 1
