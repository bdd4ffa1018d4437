"""Work that is owed, and work that died: the dead-letter desk."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from unfold.decorators import display

from chatboost.core.admin.bulk import BulkAction
from chatboost.core.admin.buttons import DetailAction
from chatboost.core.admin.display import EMPTY, choice_label, shortened
from chatboost.core.admin.filters import ChoicesDropdownFilter
from chatboost.core.admin.installation import InstallationAdmin
from chatboost.core.admin.registry import register
from chatboost.core.models import WorkAttempt, WorkItem, WorkState
from chatboost.core.work import dead_letters

RETRY = "core.change_workitem"
DISCARD = "core.delete_workitem"


@register(WorkItem)
class WorkItemAdmin(InstallationAdmin):
    """Work items of the organization, and the installation's for its staff. Finished ones have no row."""

    list_display = (
        "what",
        "state_label",
        "queue",
        "run_at",
        "error_count",
        "last_error_line",
        "created_at",
    )
    list_filter = (("state", ChoicesDropdownFilter), "queue", "kind")
    search_fields = ("kind__startswith", "subject_id__exact")
    ordering = ("-id",)
    empty_hint = "All work is done. Whatever waits, runs or was given up appears here."
    bulk_actions = (
        BulkAction(
            name="retry_selected",
            label="Try again",
            permission=RETRY,
            confirm="Dead work goes back in line with a clean record. What is not dead stays as it is.",
            run=lambda item, actor: bool(dead_letters.retry([item], actor=actor)),
        ),
        BulkAction(
            name="discard_selected",
            label="Discard",
            permission=DISCARD,
            confirm="Dead work is removed for good: what it owed is never done. What is not dead stays.",
            run=lambda item, actor: bool(dead_letters.discard([item], actor=actor)),
            is_dangerous=True,
        ),
    )
    detail_actions = (
        DetailAction(name="retry", label="Try again", permission=RETRY, icon="replay", is_primary=True),
        DetailAction(
            name="discard",
            label="Discard",
            permission=DISCARD,
            icon="delete",
            confirm="What this work owed is never done. Discard it?",
        ),
    )
    fieldsets = (
        (None, {"fields": ("what", "state_label", "kind", "subject_id", "queue", "priority", "lane")}),
        ("When", {"fields": ("created_at", "run_at", "lease_until")}),
        ("What went wrong", {"fields": ("error_count", "crash_count", "error_text", "attempts")}),
    )

    state_label = choice_label("state")

    def row_title(self, row: WorkItem) -> str:
        """Say what is owed."""
        return words_of(row)

    @display(description="work", ordering="kind")
    def what(self, item: WorkItem) -> str:
        """Say what is owed."""
        return words_of(item)

    def is_shown(self, action: DetailAction, obj: WorkItem) -> bool:
        """Only dead work can be tried again."""
        return obj.state == WorkState.DEAD

    def retry(self, request: HttpRequest, item: WorkItem) -> HttpResponse:
        """Put a dead item back in line."""
        return self._done(request, item, dead_letters.retry([item], actor=request.user), "is back in line")

    def discard(self, request: HttpRequest, item: WorkItem) -> HttpResponse:
        """Remove a dead item for good."""
        return self._done(request, item, dead_letters.discard([item], actor=request.user), "is discarded")

    def _done(self, request: HttpRequest, item: WorkItem, count: int, words: str) -> HttpResponse:
        """Say what became of it on the list: what is done or discarded has no page."""
        if count:
            self.message_user(request, f"{words_of(item)} {words}.", messages.SUCCESS)
        else:
            self.message_user(request, f"{words_of(item)} is not dead: left as it is.", messages.WARNING)
        return HttpResponseRedirect(self.url("changelist"))

    @display(description="last error")
    def last_error_line(self, item: WorkItem) -> str:
        """Show the start of the last error."""
        return shortened(item.last_error)

    @display(description="last error")
    def error_text(self, item: WorkItem) -> str:
        """Show the whole last error."""
        if not item.last_error:
            return EMPTY
        return format_html('<pre class="cb-json" dir="ltr">{}</pre>', item.last_error)

    @display(description="tries")
    def attempts(self, item: WorkItem) -> str:
        """List the tries of the last days that did not succeed."""
        tries = WorkAttempt.objects.filter(item_id=item.pk).order_by("id")[:50]
        lines = (
            (f"{timezone.localtime(one.ended_at):%Y-%m-%d %H:%M:%S}", one.get_outcome_display(), one.error)
            for one in tries
        )
        return format_html_join("", "<div>{} · {} · {}</div>", lines) or "None are kept."


def words_of(item: WorkItem) -> str:
    """Return `messaging.send` about number 3 as "Messaging: send (no. 3)"."""
    room, _, what = item.kind.rpartition(".")
    return f"{room.capitalize()}: {what.replace('_', ' ')} (no. {item.subject_id})"
