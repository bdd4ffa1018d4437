"""Published versions: read, and rolled back to."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import display

from chatboost.core.admin import DetailAction, ReadOnlyAdmin, register
from chatboost.core.admin.display import json_block
from chatboost.core.admin.filters import OrganizationRelatedFilter
from flows.models import FlowVersion
from flows.services import flows


@register(FlowVersion)
class FlowVersionAdmin(ReadOnlyAdmin):
    """A version never changes."""

    list_display = ("__str__", "flow", "published_at", "published_by")
    list_filter = (("flow", OrganizationRelatedFilter),)
    list_select_related = ("flow", "published_by")
    ordering = ("-id",)
    empty_hint = "Publishing a flow freezes its draft as a version."
    fields = ("flow", "number", "published_at", "published_by_words", "spec_json")
    detail_actions = (
        DetailAction(
            name="roll_back",
            label="Publish this version again",
            permission="flows.publish",
            icon="settings_backup_restore",
            confirm="This version replaces the draft. Continue?",
        ),
    )

    def row_title(self, row: FlowVersion) -> str:
        """Name the flow and the number."""
        return f"{row.flow}, version {row.number}"

    def roll_back(self, request: HttpRequest, version: FlowVersion) -> HttpResponse:
        """Publish an older version again, as a new one."""
        new = flows.rollback(flow=version.flow, version=version, actor=request.user)
        messages.success(request, f"Version {version.number} is published again, as version {new.number}.")
        return HttpResponseRedirect(reverse("admin:flows_flow_change", args=[version.flow_id]))

    @display(description="published by")
    def published_by_words(self, version: FlowVersion) -> str:
        """Name who published it; users have no page of their own here."""
        return str(version.published_by or "A program")

    @display(description="nodes")
    def spec_json(self, version: FlowVersion) -> Any:
        """Show what runs."""
        return json_block(version.spec)
