"""Flows: drafts made of nodes, and the immutable versions that run."""

from django.conf import settings
from django.db import models

from chatboost.core import clock
from chatboost.core.models import OrganizationModel
from chatboost.messaging.models import Bot


class Flow(OrganizationModel):
    """A conversation that a bot can hold. Its nodes are the draft; executions run a published version."""

    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, related_name="flows")
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    is_active = models.BooleanField(default=True)
    ignore_triggers = models.BooleanField(
        default=False, help_text="While this flow runs, no keyword interrupts it."
    )
    revision = models.PositiveIntegerField(
        default=1, editable=False, help_text="Counts changes of the draft."
    )
    published_version = models.ForeignKey(
        "flows.FlowVersion",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [
            models.Index(fields=["organization", "bot", "name"], name="flow_list")
        ]  # changelist, API list

    def __str__(self) -> str:
        return self.name


class Node(OrganizationModel):
    """One step of a flow's draft. Other nodes point at it by `number` (`next`, `true_path`, `false_path`).

    The node with the lowest number is where the flow begins.
    """

    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="nodes")
    number = models.PositiveIntegerField()
    type = models.CharField(max_length=40)
    label = models.CharField(max_length=120, blank=True)
    config = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["flow", "number"], name="node_number_unique")]

    def __str__(self) -> str:
        return f"{self.number} {self.type}"


class FlowVersion(OrganizationModel):
    """A published state of a flow. It never changes: an execution stays on the version it began on.

    `spec` is what the engine compiles: {"entry": number, "nodes": [{"number", "type", "config"}]}.
    """

    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    spec = models.JSONField()
    published_at = models.DateTimeField(default=clock.now)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["flow", "number"], name="flow_version_number_unique")]

    def __str__(self) -> str:
        return f"version {self.number}"
