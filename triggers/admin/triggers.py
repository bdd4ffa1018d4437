"""Triggers: what starts a flow, with one keyword on each line."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.urls import reverse
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from chatboost.core.admin import BulkAction, DetailAction, DetailLink, OrganizationAdmin, link_on, register
from chatboost.core.admin.display import flag, shortened
from chatboost.core.admin.filters import OrganizationRelatedFilter
from chatboost.core.admin.forms import LinesField, OrganizationForm
from chatboost.messaging.models import Bot
from flows.models import Flow
from triggers.models import Trigger
from triggers.services import triggers

CHANGE = "triggers.change_trigger"


class TriggerForm(OrganizationForm):
    """A trigger; the keywords are typed one on each line."""

    keywords = LinesField(
        required=True,
        help_text="One on each line. Any of them starts the flow.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6}),
    )

    class Meta:
        model = Trigger
        fields = (
            "name",
            "bot",
            "flow",
            "keywords",
            "match_type",
            "case_sensitive",
            "priority",
            "interrupts",
            "is_active",
        )

    def clean(self) -> dict[str, Any] | None:
        """Refuse a flow of another bot."""
        cleaned = super().clean() or {}
        bot, flow = cleaned.get("bot"), cleaned.get("flow")
        if bot and flow and flow.bot_id != bot.pk:
            self.add_error("flow", forms.ValidationError("This flow belongs to another bot."))
        return cleaned


@register(Trigger)
class TriggerAdmin(OrganizationAdmin):
    """A trigger's page."""

    form = TriggerForm
    list_display = ("name", "bot", "keyword_line", "match_type", "flow", "priority", "active")
    list_filter = (
        ("bot", OrganizationRelatedFilter),
        ("flow", OrganizationRelatedFilter),
        "is_active",
        "match_type",
    )
    list_select_related = ("bot", "flow")
    search_fields = ("name__icontains",)
    ordering = ("bot__name", "-priority", "id")
    active = flag("is_active", "active")
    empty_hint = "A trigger starts a flow when a contact writes one of its keywords."
    fieldsets = (
        (None, {"fields": ("name", ("bot", "flow"), "is_active")}),
        ("When it fires", {"fields": ("keywords", "match_type", "case_sensitive")}),
        ("Which one wins", {"fields": ("priority", "interrupts")}),
    )
    detail_actions = (
        DetailAction(
            name="switch_on", label="Switch on", permission=CHANGE, icon="toggle_on", is_primary=True
        ),
        DetailAction(name="switch_off", label="Switch off", permission=CHANGE, icon="toggle_off"),
    )

    bulk_actions = (
        BulkAction(
            name="switch_on_selected",
            label="Switch on",
            permission=CHANGE,
            confirm="From now on their keywords start their flows.",
            run=lambda trigger, actor: _switch(trigger, actor, is_active=True),
        ),
        BulkAction(
            name="switch_off_selected",
            label="Switch off",
            permission=CHANGE,
            confirm="Their keywords start nothing any more. Executions that run go on.",
            run=lambda trigger, actor: _switch(trigger, actor, is_active=False),
        ),
        BulkAction(
            name="delete_selected_triggers",
            label="Delete",
            permission="triggers.delete_trigger",
            confirm="Triggers go with their log of firings. The flows stay.",
            run=lambda trigger, actor: triggers.delete(trigger, actor=actor),
            is_dangerous=True,
        ),
    )

    def is_shown(self, action: DetailAction, obj: Trigger) -> bool:
        """Offer what is not the case yet."""
        return obj.is_active == (action.name == "switch_off")

    def save_model(self, request: HttpRequest, obj: Trigger, form: Any, change: bool) -> None:
        """Save through the service; warn of triggers that get in each other's way."""
        triggers.save(obj, actor=request.user)
        for other in triggers.conflicts(obj):
            messages.warning(request, f"“{other.name}” has a keyword in common: the higher priority wins.")

    def delete_model(self, request: HttpRequest, obj: Trigger) -> None:
        """Delete through the service."""
        triggers.delete(obj, actor=request.user)

    def switch_on(self, request: HttpRequest, trigger: Trigger) -> None:
        """Let the trigger fire."""
        triggers.set_active(trigger, is_active=True, actor=request.user)
        messages.success(request, "Switched on.")

    def switch_off(self, request: HttpRequest, trigger: Trigger) -> None:
        """Keep the trigger from firing."""
        triggers.set_active(trigger, is_active=False, actor=request.user)
        messages.success(request, "Switched off.")

    @display(description="keywords")
    def keyword_line(self, trigger: Trigger) -> str:
        """Show the first keywords."""
        return shortened(" · ".join(str(keyword) for keyword in trigger.keywords), 60)


def _switch(trigger: Trigger, actor: Any, *, is_active: bool) -> bool:
    if trigger.is_active == is_active:
        return False
    triggers.set_active(trigger, is_active=is_active, actor=actor)
    return True


@link_on(Trigger)
def _log_link(request: HttpRequest, trigger: Trigger) -> DetailLink:
    url = f"{reverse('admin:triggers_triggerlog_changelist')}?trigger__id__exact={trigger.pk}"
    return DetailLink("Log", url, "history", "triggers.view_triggerlog")


@link_on(Bot)
def _triggers_of_bot(request: HttpRequest, bot: Bot) -> DetailLink:
    url = f"{reverse('admin:triggers_trigger_changelist')}?bot__id__exact={bot.pk}"
    return DetailLink("Triggers", url, "bolt", "triggers.view_trigger")


@link_on(Flow)
def _triggers_of_flow(request: HttpRequest, flow: Flow) -> DetailLink:
    url = f"{reverse('admin:triggers_trigger_changelist')}?flow__id__exact={flow.pk}"
    return DetailLink("Triggers", url, "bolt", "triggers.view_trigger")
