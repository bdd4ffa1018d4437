"""Executions: one contact's way through one version of a flow."""

import uuid

from django.db import models
from django.db.models import Q

from chatboost.core import clock
from chatboost.core.fields import EncryptedTextField
from chatboost.core.models import OrganizationModel
from chatboost.messaging.models import Bot, Contact, Conversation
from flows.models.flow import Flow, FlowVersion


class ExecutionState(models.TextChoices):
    """What an execution is doing."""

    WAITING_INPUT = "waiting_input", "Waiting for an answer"
    WAITING_TIMER = "waiting_timer", "Waiting for a time"
    WAITING_WEBHOOK = "waiting_webhook", "Waiting for a webhook"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    INTERRUPTED = "interrupted", "Interrupted"


LIVE_STATES = [ExecutionState.WAITING_INPUT, ExecutionState.WAITING_TIMER, ExecutionState.WAITING_WEBHOOK]


class ExecutionOrigin(models.TextChoices):
    """What started an execution."""

    TRIGGER = "trigger", "Trigger"
    API = "api", "API"
    OPERATOR = "operator", "Operator"


class Execution(OrganizationModel):
    """A run of a flow for a contact; at most one lives in a conversation.

        (start) --> waiting_input | waiting_timer | waiting_webhook --> … --> completed | failed
                        \\--(cancel)--> cancelled    \\--(another flow starts)--> interrupted

    Whoever moves it holds the row's lock. `wake_at` is when a timed wait, or an answer's time limit, ends: a
    timer that fires for an older wait finds another `wake_at` and does nothing.
    """

    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="executions")
    flow_version = models.ForeignKey(FlowVersion, on_delete=models.RESTRICT, related_name="executions")
    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, related_name="+")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="executions")
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="executions")
    state = models.CharField(max_length=16, choices=ExecutionState)
    node_number = models.PositiveIntegerField(null=True, blank=True)
    run_state = models.JSONField(default=dict, help_text="The engine's own state, with the variables.")
    wake_at = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    error_detail = models.CharField(max_length=300, blank=True)
    origin_kind = models.CharField(max_length=10, choices=ExecutionOrigin)
    origin_id = models.BigIntegerField(null=True, blank=True)
    started_at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["conversation"],
                condition=Q(state__in=["waiting_input", "waiting_timer", "waiting_webhook"]),
                name="execution_one_live_per_conversation",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-id"], name="execution_list"),  # changelist
            models.Index(
                fields=["contact", "-id"], name="execution_contact"
            ),  # /flows/executions/contact/{phone}
            models.Index(fields=["flow", "state"], name="execution_flow_state"),  # statistics
        ]

    def __str__(self) -> str:
        return f"Execution {self.pk}"

    @property
    def is_live(self) -> bool:
        """Whether it can still go on."""
        return self.state in LIVE_STATES


class ExecutionLog(OrganizationModel):
    """One thing that happened in an execution, in order of id."""

    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="logs")
    node_number = models.PositiveIntegerField(null=True)
    node_type = models.CharField(max_length=40, blank=True)
    event = models.CharField(max_length=40)
    detail = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes = [
            models.Index(fields=["execution", "id"], name="execution_log_order")
        ]  # /flows/executions/{id}/logs

    def __str__(self) -> str:
        return self.event


class DeliveryState(models.TextChoices):
    """What is known about a call to somebody's server."""

    QUEUED = "queued", "Queued"
    SENDING = "sending", "Sending"
    ANSWERED = "answered", "Answered"
    FAILED = "failed", "Failed"


class WebhookDelivery(OrganizationModel):
    """A webhook node's call. Its uuid goes along as Idempotency-Key, so a repeated call can be recognised.

    `step` is the run's step count while it waits: an answer for an older wait is nobody's. `request` is JSON,
    {"url", "headers", "body"}, encrypted, because headers may hold somebody's token; `url` is for people and
    may be cut.
    """

    uuid = models.UUIDField(default=uuid.uuid4, editable=False)
    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="deliveries")
    step = models.PositiveIntegerField()
    node_number = models.PositiveIntegerField()
    method = models.CharField(max_length=8)
    url = models.URLField(max_length=2000)
    request = EncryptedTextField(blank=True, editable=False)
    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.QUEUED)
    attempt_count = models.PositiveSmallIntegerField(default=0)
    response_status = models.PositiveSmallIntegerField(null=True)
    response_body = models.JSONField(null=True)
    error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "webhook deliveries"
        constraints = [models.UniqueConstraint(fields=["uuid"], name="webhook_delivery_uuid_unique")]
        indexes = [models.Index(fields=["organization", "-id"], name="webhook_delivery_list")]  # changelist

    def __str__(self) -> str:
        return f"{self.method} {self.pk}"
