"""Conversations, messages, and what is asked of the send gate."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from chatboost.core.api.serializers import (
    ModelSerializer,
    QuerySerializer,
    ScopedRelatedField,
    Serializer,
)
from chatboost.messaging.api.fields import PhoneField
from chatboost.messaging.gate import Action, Reason
from chatboost.messaging.models import Bot, Channel, Contact, Conversation, Message


class PersonSerializer(ModelSerializer[Contact]):
    """A contact as far as a list of messages shows it."""

    name = serializers.CharField(source="full_name", read_only=True)

    class Meta:
        model = Contact
        fields = ["id", "phone", "name"]


class ConversationChannelSerializer(ModelSerializer[Channel]):
    """A channel as far as an inbox shows it."""

    class Meta:
        model = Channel
        fields = ["id", "name", "kind"]


class ConversationBotSerializer(ModelSerializer[Bot]):
    """A bot as far as an inbox shows it."""

    class Meta:
        model = Bot
        fields = ["id", "name"]


class LastMessageSerializer(Serializer):
    """The newest message of a conversation."""

    id = serializers.IntegerField()
    direction = serializers.CharField()
    status = serializers.CharField()
    type = serializers.CharField()
    text = serializers.CharField()


class ConversationSerializer(ModelSerializer[Conversation]):
    """A conversation as an inbox shows it."""

    contact = PersonSerializer(read_only=True)
    channel = ConversationChannelSerializer(read_only=True)
    bot = ConversationBotSerializer(read_only=True)
    last_message = LastMessageSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Conversation
        fields = [
            "id",
            "contact",
            "channel",
            "bot",
            "is_bot_paused",
            "window_expires_at",
            "last_inbound_at",
            "last_message_at",
            "last_message",
            "created_at",
        ]


class MessageSerializer(ModelSerializer[Message]):
    """A message of the history."""

    contact = PersonSerializer(read_only=True)

    class Meta:
        model = Message
        fields = [
            "id",
            "uuid",
            "direction",
            "status",
            "type",
            "text",
            "content",
            "contact",
            "conversation",
            "external_id",
            "reason",
            "reason_detail",
            "origin_kind",
            "origin_id",
            "created_at",
            "sent_at",
            "delivered_at",
            "read_at",
        ]
        read_only_fields = fields


class VerdictSerializer(Serializer):
    """The send gate's answer."""

    action = serializers.ChoiceField(choices=[action.value for action in Action])
    reason = serializers.ChoiceField(choices=[reason.value for reason in Reason], allow_blank=True)
    explanation = serializers.CharField()
    until = serializers.DateTimeField(allow_null=True)


class QueuedSerializer(Serializer):
    """A message that was queued, or refused: its status says so, the verdict says why."""

    message = MessageSerializer()
    verdict = VerdictSerializer()


class TextSerializer(Serializer):
    """A text to a phone number."""

    to = PhoneField()
    text = serializers.CharField(max_length=4096, trim_whitespace=False)
    preview_url = serializers.BooleanField(required=False)


@extend_schema_field(
    {
        "type": "object",
        "required": ["body"],
        "properties": {
            "body": {"type": "string", "maxLength": 1024},
            "header": {"type": "string", "maxLength": 60},
            "footer": {"type": "string", "maxLength": 60},
            "buttons": {
                "type": "array",
                "maxItems": 3,
                "items": {
                    "type": "object",
                    "required": ["id", "title"],
                    "properties": {
                        "id": {"type": "string", "maxLength": 256},
                        "title": {"type": "string", "maxLength": 20},
                    },
                },
            },
            "button": {"type": "string", "maxLength": 20, "description": "Opens the list of sections."},
            "sections": {"type": "array", "maxItems": 10, "items": {"type": "object"}},
        },
    }
)
class InteractiveField(serializers.DictField):
    """Buttons or a list, as `providers.base.OutboundMessage` describes them."""


class InteractiveSerializer(Serializer):
    """Buttons or a list to a phone number."""

    to = PhoneField()
    interactive = InteractiveField(allow_empty=False)


class GateQuestionSerializer(Serializer):
    """A message that is not sent: may it go?"""

    bot_id = ScopedRelatedField(queryset=Bot.objects.all())
    to = PhoneField()
    type = serializers.ChoiceField(choices=["text", "interactive", "template"], default="text")


class BotQuerySerializer(QuerySerializer):
    """`?bot_id=`"""

    bot_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
