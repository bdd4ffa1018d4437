"""Work that is owed, and work that died: the dead-letter desk."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.decorators import action, display

from chatboost.core.admin import dead_letters
from chatboost.core.admin.base import DetailAction, ReadOnlyAdmin
from chatboost.core.admin.display import choice_label, shortened
from chatboost.core.admin.filters import ChoicesDropdownFilter
from chatboost.core.admin.registry import register
from chatboost.core.admin.scoping import is_allowed, organization_of
from chatboost.core.models import WorkItem, WorkState

RETRY = "core.change_workitem"

COLOURS = {
    WorkState.SCHEDULED: "default",
    WorkState.READY: "info",
    WorkState.LEASED: "warning",
    WorkState.DEAD: "danger",
}


@register(WorkItem)
class WorkItemAdmin(ReadOnlyAdmin):
    """Work items of the organization. Finished ones have no row."""

    list_display = (
        "__str__",
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
    actions = ("retry_selected",)
    detail_actions = (
        DetailAction(name="retry", label="Try again", permission=RETRY, icon="replay", is_primary=True),
    )
    fieldsets = (
        (None, {"fields": ("kind", "subject_id", "state_label", "queue", "priority", "lane")}),
        ("When", {"fields": ("created_at", "run_at", "lease_until")}),
        ("What went wrong", {"fields": ("error_count", "crash_count", "error_text")}),
    )

    state_label = choice_label("state", COLOURS)

    def scope(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the organization's items: the kernel's table holds a plain number."""
        organization = organization_of(request)
        return queryset.filter(organization_id=organization.pk) if organization else queryset.none()

    def is_shown(self, action: DetailAction, obj: WorkItem) -> bool:
        """Only dead work can be tried again."""
        return obj.state == WorkState.DEAD

    def retry(self, request: HttpRequest, item: WorkItem) -> None:
        """Put a dead item back in line."""
        dead_letters.retry([item])
        self.message_user(request, f"{item} is back in line.")

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Tell whether the role may try dead work again."""
        return is_allowed(request, RETRY)

    @action(description="Try dead work again", permissions=["retry"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[WorkItem]) -> None:
        """Put the dead ones among the selected back in line."""
        count = dead_letters.retry(list(queryset))
        self.message_user(request, f"{count} back in line.")

    @display(description="last error")
    def last_error_line(self, item: WorkItem) -> str:
        """Show the start of the last error."""
        return shortened(item.last_error)

    @display(description="last error")
    def error_text(self, item: WorkItem) -> str:
        """Show the whole last error."""
        return (
            format_html('<pre class="cb-json" dir="ltr">{}</pre>', item.last_error)
            if item.last_error
            else "None"
        )
