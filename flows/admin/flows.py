"""Flows: the draft's nodes as JSON, what is wrong with them, and publishing."""

import json
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold import widgets
from unfold.decorators import display

from chatboost.core.admin import (
    BulkAction,
    DetailAction,
    DetailLink,
    OrganizationAdmin,
    OrganizationStackedInline,
    link_on,
    register,
)
from chatboost.core.admin.display import flag, label, link
from chatboost.core.admin.filters import OrganizationRelatedFilter
from chatboost.core.admin.forms import OrganizationForm
from chatboost.messaging.models import Bot
from flows.admin.examples import EXAMPLES
from flows.engine import registry
from flows.engine.problems import Severity
from flows.models import Flow, Node
from flows.services import flows


class FlowForm(OrganizationForm):
    """A flow's own fields."""

    class Meta:
        model = Flow
        fields = ("name", "bot", "description", "is_active", "ignore_triggers")
        widgets = {"description": widgets.UnfoldAdminTextareaWidget(attrs={"rows": 2})}


class NodeForm(OrganizationForm):
    """A node of the draft."""

    is_saved_by_service = True

    type = forms.ChoiceField(widget=widgets.UnfoldAdminSelectWidget)

    class Meta:
        model = Node
        fields = ("number", "type", "label", "config")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = registry.default.names()
        kept = self.instance.type
        choices = [*known, *([kept] if kept and kept not in known else [])]
        self.fields["type"].choices = [("", "Choose…"), *((name, name) for name in choices)]  # type: ignore[attr-defined]
        self.fields["number"].required = False
        self.fields["number"].help_text = "Other nodes point at it. Left empty, it takes the next free one."
        self.fields[
            "config"
        ].help_text = "JSON. “next”, “true_path” and “false_path” hold a node’s number or null."


class NodeInline(OrganizationStackedInline):
    """The draft's nodes, in order of their number."""

    model = Node
    form = NodeForm
    fields = (("number", "type", "label"), "config")
    ordering = ("number",)
    collapsible = True
    verbose_name_plural = "nodes"


@register(Flow)
class FlowAdmin(OrganizationAdmin):
    """A flow's page: the draft, its problems, the published version."""

    form = FlowForm
    list_display = ("name", "bot", "state_label", "active", "updated_at")
    list_filter = (("bot", OrganizationRelatedFilter), "is_active")
    list_select_related = ("bot", "published_version")
    search_fields = ("name__icontains",)
    ordering = ("bot__name", "name", "id")
    empty_hint = "A flow is what a bot says and asks. Add one, give it nodes, publish it."
    fieldsets = (
        (
            None,
            {"fields": (("name", "bot"), "description", ("is_active", "ignore_triggers"), "published_link")},
        ),
    )
    inlines = (NodeInline,)
    active = flag("is_active", "active")
    change_form_before_template = "console/flow_status.html"
    detail_actions = (
        DetailAction(name="validate", label="Validate", permission="flows.view_flow", icon="rule"),
        DetailAction(
            name="publish", label="Publish", permission="flows.publish", icon="publish", is_primary=True
        ),
    )

    bulk_actions = (
        BulkAction(
            name="publish_selected",
            label="Publish",
            permission="flows.publish",
            confirm="New executions run what the drafts are now. A draft with errors is left out.",
            run=lambda flow, actor: _is_changed(flow) and flows.publish(flow=flow, actor=actor),
        ),
        BulkAction(
            name="delete_selected_flows",
            label="Delete",
            permission="flows.delete_flow",
            confirm="Flows go with their nodes, versions and executions. One that still runs is left out.",
            run=lambda flow, actor: flows.delete(flow, actor=actor),
            is_dangerous=True,
        ),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A flow keeps its bot: its conversations and triggers are the bot's."""
        return ("bot", "published_link") if obj else ("published_link",)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Add the draft's problems and the examples."""
        flow = kwargs.get("obj")
        if flow is not None:
            found = flows.problems(flow)
            context["flow_problems"] = found
            context["flow_error_count"] = sum(problem.severity is Severity.ERROR for problem in found)
            context["is_flow_draft_changed"] = _is_changed(flow)
        context["node_examples"] = [
            (kind, words, json.dumps(config, indent=2))
            for kind, shown in EXAMPLES.items()
            for words, config in shown
        ]
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Flow, form: Any, change: bool) -> None:
        """Create through the service."""
        if change:
            super().save_model(request, obj, form, change)
            return
        data = form.cleaned_data
        saved = flows.create(
            organization=request.organization,  # type: ignore[attr-defined]
            bot=data["bot"],
            name=data["name"],
            description=data["description"],
            ignore_triggers=data["ignore_triggers"],
            actor=request.user,
        )
        obj.__dict__.update(saved.__dict__)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Save the nodes through the service, which counts the draft's changes."""
        formset.save(commit=False)
        for node in formset.deleted_objects:
            flows.delete_node(node)
        for row in formset.forms:
            node = row.instance
            if not row.has_changed() or row.cleaned_data.get("DELETE"):
                continue
            if node.number is None:
                flows.add_node(flow=form.instance, type=node.type, config=node.config, label=node.label)
            else:
                node.flow = form.instance
                flows.save_node(node)

    def delete_model(self, request: HttpRequest, obj: Flow) -> None:
        """Delete through the service."""
        flows.delete(obj, actor=request.user)

    def validate(self, request: HttpRequest, flow: Flow) -> None:
        """Say how many problems the draft has; they are listed on the page."""
        found = flows.problems(flow)
        errors = sum(problem.severity is Severity.ERROR for problem in found)
        if errors:
            messages.error(request, f"{errors} to correct before the flow can be published.")
        elif found:
            messages.warning(request, f"The flow can be published. {len(found)} worth a look.")
        else:
            messages.success(request, "Nothing is wrong with the draft.")

    def publish(self, request: HttpRequest, flow: Flow) -> None:
        """Freeze the draft as the version that new executions run."""
        version = flows.publish(flow=flow, actor=request.user)
        messages.success(
            request, f"Version {version.number} is published. Executions that began earlier stay on theirs."
        )

    @display(description="state")
    def state_label(self, flow: Flow) -> SafeString:
        """Say which version runs."""
        version = flow.published_version
        return label(f"Version {version.number}", "success") if version else label("Draft")

    @display(description="published version")
    def published_link(self, flow: Flow) -> SafeString | str:
        """Link to the version that new executions run."""
        version = flow.published_version
        return link(version, f"Version {version.number}") if version else "Not published yet"


def _is_changed(flow: Flow) -> bool:
    version = flow.published_version
    return version is None or version.spec != flows.spec(flow)


@link_on(Flow)
def _versions_link(request: HttpRequest, flow: Flow) -> DetailLink:
    url = f"{reverse('admin:flows_flowversion_changelist')}?flow__id__exact={flow.pk}"
    return DetailLink("Versions", url, "history", "flows.view_flowversion")


@link_on(Flow)
def _executions_link(request: HttpRequest, flow: Flow) -> DetailLink:
    url = f"{reverse('admin:flows_execution_changelist')}?flow__id__exact={flow.pk}"
    return DetailLink("Executions", url, "play_circle", "flows.view_execution")


@link_on(Bot)
def _flows_of_bot(request: HttpRequest, bot: Bot) -> DetailLink:
    url = f"{reverse('admin:flows_flow_changelist')}?bot__id__exact={bot.pk}"
    return DetailLink("Flows", url, "account_tree", "flows.view_flow")
