"""Executions with their log: what a flow did for one contact."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from unfold.decorators import display

from chatboost.core.admin import (
    BulkAction,
    DetailAction,
    DetailLink,
    ReadOnlyAdmin,
    ReadOnlyInline,
    link_on,
    register,
)
from chatboost.core.admin.display import EMPTY, choice_label, json_block, link, shortened
from chatboost.core.admin.filters import ChoicesDropdownFilter, DayRangeFilter, OrganizationRelatedFilter
from chatboost.messaging.models import Contact, Conversation
from flows.models import Execution, ExecutionLog, WebhookDelivery
from flows.services import executions


class LogInline(ReadOnlyInline):
    """What happened, in order."""

    model = ExecutionLog
    fields = readonly_fields = ("at", "node_number", "node_type", "event", "detail_words")
    ordering = ("id",)
    verbose_name_plural = "log"
    per_page = 100

    @display(description="at")
    def at(self, log: ExecutionLog) -> str:
        """Show the second: a whole log often fits into a minute."""
        return date_format(timezone.localtime(log.created_at), "j M Y, H:i:s")

    @display(description="detail")
    def detail_words(self, log: ExecutionLog) -> str:
        """Show the message, and what was missing."""
        detail = log.detail or {}
        missing = detail.get("missing")
        words = [detail.get("message", ""), f"missing: {', '.join(map(str, missing))}" if missing else ""]
        return " · ".join(filter(None, words)) or EMPTY


class DeliveryInline(ReadOnlyInline):
    """Calls to other servers."""

    model = WebhookDelivery
    fields = readonly_fields = ("page", "node_number", "state_label", "response_status", "created_at")
    ordering = ("id",)
    verbose_name_plural = "webhook deliveries"

    state_label = choice_label("state")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave what was sent encrypted."""
        return super().get_queryset(request).defer("request")

    @display(description="call")
    def page(self, delivery: WebhookDelivery) -> SafeString | str:
        """Link to the call."""
        return link(delivery, shortened(f"{delivery.method} {delivery.url}", 60))


@register(Execution)
class ExecutionAdmin(ReadOnlyAdmin):
    """Executions, newest first."""

    list_display = ("__str__", "flow", "contact", "state_label", "node_number", "started_at", "ended_at")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("flow", OrganizationRelatedFilter),
        ("started_at", DayRangeFilter),
    )
    allowed_lookups = ("contact__id__exact", "conversation__id__exact")
    list_filter_submit = True
    list_select_related = ("flow", "contact")
    search_fields = ("contact__phone__startswith",)
    ordering = ("-id",)
    empty_hint = "Each run of a flow for one contact appears here. A trigger or the API starts one."
    fieldsets = (
        (None, {"fields": (("flow", "flow_version"), ("contact", "thread"), ("state_label", "node_number"))}),
        ("What went wrong", {"fields": (("error_code", "error_detail"),)}),
        ("When", {"fields": (("started_at", "ended_at"), ("wake_at", "origin"))}),
        ("Variables", {"fields": ("variables",)}),
    )
    detail_actions = (
        DetailAction(
            name="cancel",
            label="Cancel",
            permission="flows.change_execution",
            icon="cancel",
            confirm="The contact gets no further messages of this execution. Cancel it?",
        ),
    )
    bulk_actions = (
        BulkAction(
            name="cancel_selected",
            label="Cancel",
            permission="flows.change_execution",
            confirm="Their contacts get no further messages of these executions.",
            run=lambda execution, actor: executions.cancel(execution=execution),
            is_dangerous=True,
        ),
    )

    state_label = choice_label("state")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave out the error of what did not fail."""
        groups = super().get_fieldsets(request, obj)
        return (
            groups if obj and obj.error_code else [group for group in groups if group[0] != "What went wrong"]
        )

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Leave out the calls of what made none."""
        return (LogInline, DeliveryInline) if obj and obj.deliveries.exists() else (LogInline,)

    def is_shown(self, action: DetailAction, obj: Execution) -> bool:
        """Only what lives can be cancelled."""
        return obj.is_live

    def cancel(self, request: HttpRequest, execution: Execution) -> None:
        """End the execution."""
        executions.cancel(execution=execution)
        messages.success(request, "Cancelled.")

    @display(description="conversation")
    def thread(self, execution: Execution) -> SafeString | str:
        """Link to the thread."""
        return link(execution.conversation, "Open the conversation")

    @display(description="started by")
    def origin(self, execution: Execution) -> str:
        """Say what started it."""
        return execution.get_origin_kind_display()

    @display(description="state")
    def variables(self, execution: Execution) -> Any:
        """Show what the run remembers."""
        return json_block((execution.run_state or {}).get("variables", {}))


@link_on(Contact)
def _executions_of_contact(request: HttpRequest, contact: Contact) -> DetailLink:
    url = f"{reverse('admin:flows_execution_changelist')}?contact__id__exact={contact.pk}"
    return DetailLink("Executions", url, "play_circle", "flows.view_execution")


@link_on(Conversation)
def _executions_of_conversation(request: HttpRequest, conversation: Conversation) -> DetailLink:
    url = f"{reverse('admin:flows_execution_changelist')}?conversation__id__exact={conversation.pk}"
    return DetailLink("Executions", url, "play_circle", "flows.view_execution")
