"""Triggers: what starts a flow."""

from django.db import models

from chatboost.core import clock
from chatboost.core.models import OrganizationModel
from chatboost.messaging.models import Bot, Contact, Message
from flows.models import Execution, Flow


class TriggerType(models.TextChoices):
    """What a trigger reacts to."""

    KEYWORD = "keyword", "Keyword"


class MatchType(models.TextChoices):
    """How a keyword is compared with a message."""

    EXACT = "exact", "The whole message"
    CONTAINS = "contains", "Contained in the message"
    STARTS_WITH = "starts_with", "The message starts with it"
    ENDS_WITH = "ends_with", "The message ends with it"
    REGEX = "regex", "Regular expression"


class Trigger(OrganizationModel):
    """Starts a flow of a bot when its condition holds. The highest priority wins."""

    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, related_name="triggers")
    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="triggers")
    name = models.CharField(max_length=120)
    trigger_type = models.CharField(max_length=10, choices=TriggerType, default=TriggerType.KEYWORD)
    is_active = models.BooleanField(default=True)
    priority = models.SmallIntegerField(default=0, help_text="The highest wins.")
    keywords = models.JSONField(default=list, blank=True)
    match_type = models.CharField(max_length=12, choices=MatchType, default=MatchType.EXACT)
    case_sensitive = models.BooleanField(default=False)
    interrupts = models.BooleanField(
        default=False,
        help_text="Fires although a flow waits for an answer, unless that flow ignores triggers.",
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(match_type__in=MatchType.values), name="trigger_match_type_known"
            ),
        ]
        indexes = [
            # Compiling a bot's triggers; GET /triggers/bot/{bot_id}.
            models.Index(fields=["bot", "-priority", "id"], name="trigger_by_bot"),
            models.Index(fields=["organization", "-id"], name="trigger_list"),  # changelist
        ]

    def __str__(self) -> str:
        return self.name


class TriggerSet(OrganizationModel):
    """Counts the changes of a bot's triggers, so each process knows when to compile them again."""

    bot = models.OneToOneField(Bot, on_delete=models.CASCADE, primary_key=True, related_name="+")
    version = models.PositiveBigIntegerField(default=1)

    def __str__(self) -> str:
        return f"version {self.version}"


class TriggerLog(OrganizationModel):
    """One firing of a trigger."""

    trigger = models.ForeignKey(Trigger, on_delete=models.CASCADE, related_name="logs")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    message = models.ForeignKey(Message, on_delete=models.SET_NULL, null=True, related_name="+")
    execution = models.ForeignKey(Execution, on_delete=models.SET_NULL, null=True, related_name="+")
    keyword = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes = [models.Index(fields=["trigger", "-id"], name="trigger_log_order")]  # /triggers/{id}/logs

    def __str__(self) -> str:
        return f"{self.trigger_id} {self.created_at}"
