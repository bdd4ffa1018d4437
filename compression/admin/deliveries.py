"""Completion webhooks: whom they were for, and what came back."""

from django.utils.safestring import SafeString
from unfold.decorators import display

from chatboost.core.admin import ReadOnlyAdmin, register
from chatboost.core.admin.display import choice_label, link, shortened
from chatboost.core.admin.filters import ChoicesDropdownFilter, DayRangeFilter
from compression.models import CompletionDelivery


@register(CompletionDelivery)
class CompletionDeliveryAdmin(ReadOnlyAdmin):
    """Webhooks, newest first."""

    list_display = ("target", "state_label", "response_status", "attempt_count", "request_link", "created_at")
    list_filter = (("state", ChoicesDropdownFilter), ("created_at", DayRangeFilter))
    list_filter_submit = True
    list_select_related = ("request",)
    ordering = ("-id",)
    empty_hint = "Requests with a webhook tell it here that they have ended."
    fieldsets = (
        (None, {"fields": ("target", ("state_label", "response_status"), "error", "request_link")}),
        ("When", {"fields": (("created_at", "finished_at", "attempt_count"), "uuid")}),
    )

    state_label = choice_label("state")

    def row_title(self, row: CompletionDelivery) -> str:
        """Show where it goes."""
        return self.target(row)

    @display(description="webhook")
    def target(self, delivery: CompletionDelivery) -> str:
        """Show where it goes."""
        return shortened(delivery.url, 90)

    @display(description="request")
    def request_link(self, delivery: CompletionDelivery) -> SafeString | str:
        """Link to the request."""
        return link(delivery.request)
