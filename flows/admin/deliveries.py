"""Webhook deliveries: the calls that flows make to other servers."""

import json
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from chatboost.core.admin import ReadOnlyAdmin, register
from chatboost.core.admin.display import choice_label, json_block, link, shortened
from chatboost.core.admin.filters import ChoicesDropdownFilter, DayRangeFilter
from chatboost.core.fields import DecryptionFailed
from flows.models import WebhookDelivery


@register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    """Calls, newest first. Headers may hold secrets: they are never shown."""

    list_display = ("target", "state_label", "response_status", "attempt_count", "created_at")
    list_filter = (("state", ChoicesDropdownFilter), ("created_at", DayRangeFilter))
    list_filter_submit = True
    ordering = ("-id",)
    empty_hint = "Calls that flows make to other servers appear here."
    fieldsets = (
        (None, {"fields": ("target", ("state_label", "response_status"), "error", "execution_link")}),
        ("When", {"fields": (("created_at", "finished_at", "attempt_count"),)}),
        ("Sent", {"fields": ("sent_body", "uuid")}),
        ("Answered", {"fields": ("answer",)}),
    )

    state_label = choice_label("state")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave what was sent encrypted until its page asks for it."""
        return super().get_queryset(request).defer("request")

    def row_title(self, row: WebhookDelivery) -> str:
        """Show where it went."""
        return self.target(row)

    @display(description="call")
    def target(self, delivery: WebhookDelivery) -> str:
        """Show where it went."""
        return shortened(f"{delivery.method} {delivery.url}", 90)

    @display(description="execution")
    def execution_link(self, delivery: WebhookDelivery) -> SafeString | str:
        """Link to the execution."""
        return link(delivery.execution)

    @display(description="body")
    def sent_body(self, delivery: WebhookDelivery) -> Any:
        """Show what was sent, without the headers."""
        try:
            return json_block(json.loads(delivery.request or "{}").get("body"))
        except DecryptionFailed:
            return "Stored under a key that is no longer configured."

    @display(description="body")
    def answer(self, delivery: WebhookDelivery) -> Any:
        """Show what came back."""
        return json_block(delivery.response_body)
