"""Bots and the channels they speak through."""

import uuid

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from chatboost.core import clock
from chatboost.core.fields import EncryptedTextField
from chatboost.core.models import OrganizationModel


class Bot(OrganizationModel):
    """An automated correspondent of the organization: flows and triggers belong to it."""

    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    is_active = models.BooleanField(default=True)
    is_whatsapp_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [models.Index(fields=["organization", "name"], name="bot_list")]  # changelist, GET /bots/

    def __str__(self) -> str:
        return self.name


class ChannelKind(models.TextChoices):
    """What carries a channel's messages. `sandbox` receives as WhatsApp does and sends to nobody."""

    WHATSAPP = "whatsapp", "WhatsApp Cloud"
    WHATSAPP_SANDBOX = "whatsapp_sandbox", "WhatsApp sandbox"
    SIMULATOR = "simulator", "Simulator"


class ChannelHealth(models.TextChoices):
    """Whether the vendor lets us use the channel."""

    OK = "ok", "OK"
    DISABLED = "disabled", "Disabled"


# What Meta gives a number to begin with; it raises busy ones to 1,000. Source: Cloud API, throughput.
MESSAGES_PER_SECOND = 80
MAX_MESSAGES_PER_SECOND = 10_000

WHATSAPP_KINDS = [ChannelKind.WHATSAPP, ChannelKind.WHATSAPP_SANDBOX]


class Channel(OrganizationModel):
    """A configured endpoint of a bot: a WhatsApp number, or the console's simulated phone.

    `external_id` is the vendor's id of the number (Meta's phone_number_id). It is unique in the whole
    installation, because it alone says whose webhook a delivery is.

    `held_until` is the vendor's word: it answered 429 and wants to hear nothing from the number till then.

        health: ok --(credentials refused, account locked)--> disabled --(new credentials, check)--> ok
    """

    uuid = models.UUIDField(default=uuid.uuid4, editable=False)
    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, related_name="channels")
    kind = models.CharField(max_length=20, choices=ChannelKind)
    name = models.CharField(max_length=120)
    external_id = models.CharField("phone number id", max_length=64, blank=True)
    address = models.CharField("display number", max_length=32, blank=True)
    access_token = EncryptedTextField(blank=True, editable=False)
    app_secret = EncryptedTextField(blank=True, editable=False)
    verify_token = EncryptedTextField(blank=True, editable=False)
    is_active = models.BooleanField(default=True)
    messages_per_second = models.PositiveSmallIntegerField(
        default=MESSAGES_PER_SECOND,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_MESSAGES_PER_SECOND)],
        help_text=(
            "No more go out in any second. Meta allows a number 80, one that is also used in the WhatsApp"
            " Business app 20, and busy ones up to 1,000."
        ),
    )
    held_until = models.DateTimeField(null=True, blank=True, editable=False)
    health = models.CharField(max_length=10, choices=ChannelHealth, default=ChannelHealth.OK)
    health_reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["uuid"], name="channel_uuid_unique"),
            models.UniqueConstraint(
                fields=["external_id"],
                condition=Q(kind__in=["whatsapp", "whatsapp_sandbox"]) & ~Q(external_id=""),
                name="channel_phone_number_id_unique",
            ),
            models.UniqueConstraint(
                fields=["bot"], condition=Q(kind="simulator"), name="channel_one_simulator_per_bot"
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "bot"], name="channel_list")
        ]  # changelist, GET /channels/

    def __str__(self) -> str:
        return self.name
