"""Bots and channels."""

from django.conf import settings
from rest_framework import serializers

from chatboost.core.api.serializers import ModelSerializer, ScopedRelatedField, Serializer
from chatboost.messaging.api.fields import PhoneNumberIdField, SecretField
from chatboost.messaging.models import WHATSAPP_KINDS, Bot, Channel


class BotSerializer(ModelSerializer[Bot]):
    """A bot; its WhatsApp credentials are those of its default channel."""

    whatsapp_access_token = SecretField()
    whatsapp_phone_number_id = PhoneNumberIdField(
        allow_null=True,
        help_text="The default channel's number. Absent or null keeps it, an empty text gives it up.",
    )
    has_whatsapp_credentials = serializers.BooleanField(read_only=True)
    default_channel = serializers.IntegerField(source="default_channel_id", read_only=True, allow_null=True)

    class Meta:
        model = Bot
        fields = [
            "id",
            "name",
            "description",
            "is_active",
            "is_whatsapp_enabled",
            "whatsapp_access_token",
            "whatsapp_phone_number_id",
            "has_whatsapp_credentials",
            "default_channel",
            "created_at",
            "updated_at",
        ]


class ChannelSerializer(ModelSerializer[Channel]):
    """A channel. `kind` follows the access token: `whatsapp` with one, `whatsapp_sandbox` without."""

    bot = ScopedRelatedField(queryset=Bot.objects.all())
    name = serializers.CharField(max_length=120, required=False, help_text="Default: the kind's name.")
    phone_number_id = PhoneNumberIdField(source="external_id")
    webhook_url = serializers.SerializerMethodField()
    access_token = SecretField()
    app_secret = SecretField()
    verify_token = SecretField()
    has_access_token = serializers.BooleanField(read_only=True)
    has_app_secret = serializers.BooleanField(read_only=True)
    has_verify_token = serializers.BooleanField(read_only=True)

    class Meta:
        model = Channel
        fields = [
            "id",
            "uuid",
            "bot",
            "kind",
            "name",
            "phone_number_id",
            "address",
            "webhook_url",
            "is_active",
            "messages_per_second",
            "health",
            "health_reason",
            "access_token",
            "app_secret",
            "verify_token",
            "has_access_token",
            "has_app_secret",
            "has_verify_token",
            "created_at",
        ]
        read_only_fields = ["health", "health_reason"]
        # The database decides about uniqueness: DRF's validators would ask first, and make fields required.
        validators: list[object] = []

    def get_webhook_url(self, channel: Channel) -> str | None:
        """Return the address to enter at the vendor; none for a simulator."""
        if channel.kind not in WHATSAPP_KINDS:
            return None
        return f"{settings.PUBLIC_BASE_URL}/whatsapp/webhook/{channel.uuid}"

    def validate_bot(self, bot: Bot) -> Bot:
        """Keep a channel with the bot whose conversations it holds."""
        if self.instance and self.instance.bot_id != bot.pk:
            raise serializers.ValidationError("A channel stays with its bot.")
        return bot

    def validate_kind(self, kind: str) -> str:
        """Keep a simulator a simulator, and a WhatsApp channel one of WhatsApp's."""
        if self.instance and (self.instance.kind in WHATSAPP_KINDS) != (kind in WHATSAPP_KINDS):
            raise serializers.ValidationError("A channel's kind can't be changed.")
        return kind


class ChannelProblemSerializer(Serializer):
    """Why a channel does not work. `kind` is the error's class, or `unclear` when nobody knows."""

    kind = serializers.CharField()
    code = serializers.IntegerField(allow_null=True, help_text="The vendor's own number, if it gave one.")
    message = serializers.CharField()


class ChannelCheckSerializer(Serializer):
    """What the vendor says about a channel."""

    ok = serializers.BooleanField()
    health = serializers.CharField()
    display_phone_number = serializers.CharField(required=False)
    verified_name = serializers.CharField(required=False)
    quality_rating = serializers.CharField(required=False)
    problem = ChannelProblemSerializer(allow_null=True)
