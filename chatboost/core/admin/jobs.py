"""Jobs: what runs in the background, how far it is, and what it left."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms.widgets import Script
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.cache import get_conditional_response
from django.utils.crypto import salted_hmac
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from chatboost.core import jobs
from chatboost.core.admin.bulk import BulkAction
from chatboost.core.admin.buttons import DetailAction
from chatboost.core.admin.display import EMPTY, choice_label, json_block
from chatboost.core.admin.filters import ChoicesDropdownFilter
from chatboost.core.admin.installation import InstallationAdmin
from chatboost.core.admin.registry import register
from chatboost.core.admin.scoping import is_allowed
from chatboost.core.files import store
from chatboost.core.jobs.lifecycle import OPEN
from chatboost.core.models import File, Job, JobState

CANCEL = "core.change_job"


class KindFilter(DropdownFilter):
    """Choose a kind by its title."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return every kind that a room has declared."""
        return [(kind.name, kind.title) for kind in jobs.all_kinds()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the jobs of the chosen kind."""
        return queryset.filter(kind=self.value()) if self.value() else queryset


@register(Job)
class JobAdmin(InstallationAdmin):
    """Jobs of the organization, and for its staff the installation's, the newest first."""

    list_display = ("title", "state_label", "progress", "failed", "started_by", "created_at")
    list_filter = (("state", ChoicesDropdownFilter), KindFilter)
    list_filter_submit = True
    search_fields = ("actor_label__istartswith",)
    ordering = ("-id",)
    empty_hint = "Imports, exports and other long work appear here when somebody starts them."
    change_form_before_template = "core/job_progress.html"
    page_permissions = {"core_job_progress": "core.view_job"}
    detail_actions = (
        DetailAction(
            name="cancel",
            label="Cancel",
            permission=CANCEL,
            icon="cancel",
            confirm="Cancel this job? What it has done by now stays.",
        ),
    )
    bulk_actions = (
        BulkAction(
            name="cancel_selected",
            label="Cancel",
            permission=CANCEL,
            confirm="What waits is cancelled at once, what runs before its next chunk. What is done stays.",
            run=lambda job, actor: jobs.cancel(job, actor),
        ),
    )
    fieldsets = (
        (None, {"fields": ("title", "started_by", "created_at", "started_at", "finished_at")}),
        ("Result", {"fields": ("result_json",)}),
    )

    state_label = choice_label("state")

    class Media:
        css = {"all": ["core/jobs.css"]}
        js = [Script("core/jobs.js", type="module")]

    def row_title(self, row: Job) -> str:
        """Name the kind."""
        return jobs.title_of(row)

    def is_shown(self, action: DetailAction, obj: Job) -> bool:
        """Only what has not ended can be cancelled, and once is enough."""
        return obj.state in OPEN and not obj.is_cancel_requested

    def cancel(self, request: HttpRequest, job: Job) -> None:
        """Cancel the job."""
        cancelled = jobs.cancel(job, request.user)
        is_over = cancelled.state == JobState.CANCELLED
        self.message_user(request, "Cancelled." if is_over else "It ends before its next chunk.")

    def get_urls(self) -> list[URLPattern]:
        """Add the address of the part of the page that moves."""
        moving = path(
            "<int:pk>/progress/", self.admin_site.admin_view(self.progress_view), name="core_job_progress"
        )
        return [moving, *super().get_urls()]

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return the progress alone, for a page that is open; 304 while nothing has changed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        job = self.get_object(request, str(pk))
        if job is None:
            raise Http404("No such job.")
        seen = f"{job.state} {job.done_count} {job.failed_count} {job.total_count} {job.is_cancel_requested}"
        etag = f'"{salted_hmac("core.job.progress", f"{job.pk} {seen}").hexdigest()}"'
        response = render(request, self.change_form_before_template, self._moving(request, job))
        response["ETag"] = etag
        response["Cache-Control"] = "private, no-cache"
        return get_conditional_response(request, etag=etag, response=response) or response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Add the progress."""
        if (job := kwargs.get("obj")) is not None:
            context |= self._moving(request, job)
        return super().render_change_form(request, context, *args, **kwargs)

    def _moving(self, request: HttpRequest, job: Job) -> dict[str, Any]:
        return {
            "job": job,
            "job_url": self.url("progress", job.pk),
            "job_label": self.state_label(job),
            "job_bar": _bar(job),
            "job_files": _files(request, job),
        }

    @display(description="job")
    def title(self, job: Job) -> str:
        """Name the kind."""
        return jobs.title_of(job)

    @display(description="started by")
    def started_by(self, job: Job) -> str:
        """Name whoever started it."""
        return job.actor_label or EMPTY

    @display(description="progress")
    def progress(self, job: Job) -> SafeString:
        """Draw the bar."""
        return render_to_string("core/job_bar.html", _bar(job))

    @display(description="failed", ordering="failed_count")
    def failed(self, job: Job) -> str:
        """Count what could not be done."""
        return f"{job.failed_count:,}" if job.failed_count else EMPTY

    @display(description="result")
    def result_json(self, job: Job) -> str:
        """Show what the job says of itself."""
        return json_block(job.result) if job.result else EMPTY


def _bar(job: Job) -> dict[str, Any]:
    """Say how far the job is: `percent` (None: not known), words, and whether it may still move."""
    share = jobs.fraction(job)
    behind = job.done_count + job.failed_count
    words = f"{behind:,} of {job.total_count:,}" if job.total_count is not None else f"{behind:,} so far"
    if share is not None and job.total_count is not None:
        words = f"{share:.0%}, {words}"
    percent = None if share is None else round(share * 100)
    return {"percent": percent, "words": words, "is_open": job.state in OPEN}


def _files(request: HttpRequest, job: Job) -> list[tuple[str, File | None, str]]:
    """Return what the job left: title, file and address; no file where it is gone or not for this role."""
    wanted = {"Result": job.result_file_uuid, "What could not be done": job.error_file_uuid}
    uuids = [uuid for uuid in wanted.values() if uuid]
    if not uuids:
        return []
    rows = store.ready().filter(organization_id=job.organization_id, uuid__in=uuids)
    found = {file.uuid: file for file in rows if is_allowed(request, file.permission)}
    return [
        (title, found.get(uuid), reverse("file", args=[uuid]))
        for title, uuid in wanted.items()
        if uuid is not None
    ]
