"""What this room tells people about its own events, apart from the work that caused them."""

from collections.abc import Mapping
from typing import Any

from django.urls import reverse

from chatboost.core import events
from flows.events import FlowFailed
from flows.models import Execution
from teams.models import NotificationType, Organization, Severity
from teams.notifications import notify


def tell_of_failure(payload: Mapping[str, Any], organization_id: int) -> None:
    """Tell whoever may change a flow that it failed, once an hour: a broken flow fails for everybody."""
    found = Execution.objects.filter(pk=payload["execution_id"], organization_id=organization_id)
    execution = found.select_related("flow").first()
    if execution is None or execution.ended_at is None:
        return
    notify(
        organization=Organization.objects.get(pk=organization_id),
        type=NotificationType.FLOW_EVENT,
        severity=Severity.ERROR,
        title=f"The flow {execution.flow.name} failed",
        # Its details may quote what the contact wrote: they stay on the execution's page.
        body=f"An execution ended with “{payload['code']}”. Further ones within the hour are not told.",
        url=reverse("admin:flows_execution_change", args=[execution.pk]),
        permission="flows.change_flow",
        object=execution.flow,
        dedupe_key=f"flow_failed:{execution.flow_id}:{execution.ended_at:%Y%m%d%H}",
    )


events.subscribe(FlowFailed.name, name="flows.failure_told", handler=tell_of_failure)
