"""Import and Export on a list's page: two lines for a room that has an import and an export job.

list → upload → preview: what the first rows would do → (POST) → the job's page
list → choose a format → (POST) → the job's page
"""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from unfold import widgets

from chatboost.core import files, jobs
from chatboost.core.admin.scoping import is_allowed, organization_of
from chatboost.core.errors import DomainError, NotFound
from chatboost.core.exchange import previews, services, staging, uploads, writing
from chatboost.core.exchange.kinds import ExportKind, ImportKind
from chatboost.core.exchange.reading import is_quick
from chatboost.core.models import File

SHOWN_ROWS = 100


class UploadForm(forms.Form):
    """A file, and how to read it where that is not found by itself."""

    file = forms.FileField(
        widget=widgets.UnfoldAdminFileFieldWidget(
            attrs={"accept": ".csv,.tsv,.txt,.xlsx,.json,.jsonl"},
        ),
        help_text="CSV, Excel (.xlsx) or JSON, with the columns' names in the first row.",
    )
    delimiter = forms.ChoiceField(
        required=False,
        choices=[
            ("", "Detect automatically"),
            (",", "Comma"),
            (";", "Semicolon"),
            ("tab", "Tab"),
            ("|", "Vertical bar"),
        ],
        widget=widgets.UnfoldAdminSelectWidget,
        help_text="The character between the cells of a CSV.",
    )
    charset = forms.ChoiceField(
        required=False,
        choices=[
            *(
                ("", "Detect automatically"),
                ("utf-8", "UTF-8"),
                ("utf-16", "UTF-16"),
                ("cp1252", "Western (Windows)"),
            ),
            *(("cp1250", "Central European (Windows)"), ("cp1251", "Cyrillic (Windows)")),
            *(
                ("cp1256", "Arabic (Windows)"),
                ("gb18030", "Chinese (GB 18030)"),
                ("shift_jis", "Japanese (Shift JIS)"),
            ),
        ],
        widget=widgets.UnfoldAdminSelectWidget,
        label="Encoding",
        help_text="Choose one if letters look wrong in the preview.",
    )


class ExportForm(forms.Form):
    """What the file is to be."""

    format = forms.ChoiceField(
        choices=[(one.name, one.title) for one in writing.FORMATS.values()],
        widget=widgets.UnfoldAdminSelectWidget,
    )


class ImportExport:
    """Mixin for OrganizationAdmin. Name the kinds; an empty one leaves its button out."""

    change_list_template = "core/exchange_list.html"
    import_job: ClassVar[str] = ""
    export_job: ClassVar[str] = ""

    opts: Any
    admin_site: Any

    def get_urls(self) -> list[URLPattern]:
        """Add the pages."""
        view = self.admin_site.admin_view
        pages = []
        if self.import_job:
            pages += [
                path("import/", view(self._upload_view), name=self._name("import")),
                path("import/<uuid:uuid>/", view(self.preview_view), name=self._name("preview")),
            ]
        if self.export_job:
            pages.append(path("export/", view(self.export_view), name=self._name("export")))
        return [*pages, *super().get_urls()]  # type: ignore[misc]

    @property
    def page_permissions(self) -> Mapping[str, str]:
        """What the pages ask: what the jobs do."""
        asked = {"import": self.import_job, "preview": self.import_job, "export": self.export_job}
        kinds: dict[str, Any] = {page: jobs.get(name) for page, name in asked.items() if name}
        return {self._name(page): kind.permission for page, kind in kinds.items()}

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Add the buttons that the role may use."""
        importing, exporting = jobs.get(self.import_job), jobs.get(self.export_job)
        buttons = [
            (label, icon, reverse(f"admin:{self._name(page)}"))
            for kind, label, icon, page in (
                (importing, "Import", "upload", "import"),
                (exporting, "Export", "download", "export"),
            )
            if isinstance(kind, ImportKind | ExportKind) and is_allowed(request, kind.permission)
        ]
        context = {"exchange_buttons": buttons, **(extra_context or {})}
        return super().changelist_view(request, context)  # type: ignore[misc]

    @property
    def _upload_view(self) -> Any:
        """The upload's page: its handler is set before the form, with the hidden fields on it, is read."""
        protected = csrf_protect(self.admin_site.keep_apart(self.upload_view))

        def view(request: HttpRequest) -> HttpResponse:
            request.upload_handlers = [uploads.Handler(request)]
            try:
                return protected(request)
            except DomainError as refusal:
                form = UploadForm()
                return self._upload_page(request, form, refusal.message)

        return csrf_exempt(view)

    def upload_view(self, request: HttpRequest) -> HttpResponse:
        """Take a file, and go on to its preview."""
        kind = self._allowed(request, self.import_job)
        if request.method != "POST":
            return self._upload_page(request, UploadForm())
        form = UploadForm(request.POST, request.FILES)
        if not form.is_valid():
            return self._upload_page(request, form)
        given = form.cleaned_data
        file = services.store(
            organization_id=organization_of(request).pk,
            permission=kind.permission,
            name=given["file"].name,
            chunks=given["file"].chunks(),
        )
        query = urlencode({name: given[name] for name in ("delimiter", "charset") if given[name]})
        address = reverse(f"admin:{self._name('preview')}", args=[file.uuid])
        return HttpResponseRedirect(f"{address}?{query}" if query else address)

    def preview_view(self, request: HttpRequest, uuid: UUID) -> HttpResponse:
        """Show what the first rows would do; a POST starts the job."""
        kind: ImportKind = self._allowed(request, self.import_job)
        file = self._file(request, uuid, kind.permission)
        options = staging.Options(request.GET.get("charset", ""), request.GET.get("delimiter", ""))
        if request.method == "POST":
            job = services.start_import(
                kind=kind.name,
                organization_id=file.organization_id,
                actor=request.user,
                file=uuid,
                options=options,
                is_dry_run="dry_run" in request.POST,
            )
            return HttpResponseRedirect(reverse("admin:core_job_change", args=[job.pk]))
        shown: dict[str, Any] = {
            "file": file,
            "limit": previews.ROWS,
            "shown_rows": SHOWN_ROWS,
            "upload_url": reverse(f"admin:{self._name('import')}"),
        }
        try:
            with files.open(file) as stream:
                if is_quick(stream):
                    shown |= self._seen(
                        previews.look(stream, kind.resource(organization_of(request)), options)
                    )
        except DomainError as refusal:
            shown["refusal"] = refusal.message
        return self._page(request, "core/exchange_preview.html", f"Import {self._plural()}", shown)

    def export_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for the format; a POST starts the job."""
        kind = self._allowed(request, self.export_job)
        form = ExportForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            job = services.start_export(
                kind=kind.name,
                organization_id=organization_of(request).pk,
                actor=request.user,
                format=form.cleaned_data["format"],
            )
            return HttpResponseRedirect(reverse("admin:core_job_change", args=[job.pk]))
        return self._page(request, "core/exchange_export.html", f"Export {self._plural()}", {"form": form})

    def _seen(self, preview: previews.Preview) -> dict[str, Any]:
        rejected = [
            {"row": row, "cells": [cell[:80] for cell in cells if cell][:6], "error": error}
            for row, cells, error in preview.rejected[:SHOWN_ROWS]
        ]
        return {
            "preview": preview,
            "differences": preview.differences[:SHOWN_ROWS],
            "rejected": rejected,
            "ignored": [heading for heading, meaning in preview.columns.items() if meaning is None],
        }

    def _upload_page(self, request: HttpRequest, form: forms.Form, refusal: str = "") -> HttpResponse:
        kind = self._allowed(request, self.import_job)
        columns = [str(column.column_name) for column in kind.resource(0).imported().values()]
        shown = {"form": form, "refusal": refusal, "columns": columns}
        return self._page(request, "core/exchange_upload.html", f"Import {self._plural()}", shown)

    def _page(self, request: HttpRequest, template: str, title: str, shown: dict[str, Any]) -> HttpResponse:
        address = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "page_title": title,
            "breadcrumbs": [(capfirst(self._plural()), address)],
            "list_url": address,
            "plural": self._plural(),
            **shown,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, template, context)

    def _allowed(self, request: HttpRequest, name: str) -> Any:
        kind: Any = jobs.get(name)
        if kind is None:
            raise Http404("There is no such page.")
        if not is_allowed(request, kind.permission):
            raise PermissionDenied
        return kind

    def _file(self, request: HttpRequest, uuid: UUID, permission: str) -> File:
        try:
            file = files.get(uuid, organization_of(request).pk)
        except NotFound as error:
            raise Http404("No such file.") from error
        if file.purpose != staging.PURPOSE or file.permission != permission:
            raise Http404("No such file.")
        return file

    def _plural(self) -> str:
        return str(self.opts.verbose_name_plural)

    def _name(self, page: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"
