"""Shapes of this room's API."""

from rest_framework import serializers

from chatboost.core.api.serializers import ModelSerializer, ScopedRelatedField, Serializer
from chatboost.messaging.models import Bot
from flows.models import Flow
from triggers.models import Trigger, TriggerLog


class TriggerSerializer(ModelSerializer[Trigger]):
    """A trigger, as the API reads and writes it."""

    bot_id = ScopedRelatedField(source="bot", queryset=Bot.objects.all())
    flow_id = ScopedRelatedField(source="flow", queryset=Flow.objects.all())
    keywords = serializers.ListField(child=serializers.CharField(max_length=500), max_length=100)

    class Meta:
        model = Trigger
        fields = [
            "id",
            "name",
            "bot_id",
            "flow_id",
            "trigger_type",
            "is_active",
            "priority",
            "keywords",
            "match_type",
            "case_sensitive",
            "interrupts",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["created_at", "updated_at"]
        # SQLite would take more than PostgreSQL.
        extra_kwargs = {"priority": {"min_value": -32768, "max_value": 32767}}


class TriggerTestSerializer(Serializer):
    """A message to try."""

    test_message = serializers.CharField(max_length=4096, allow_blank=True, trim_whitespace=False)


class TriggerExplanationSerializer(Serializer):
    """Whether a trigger would fire, and why."""

    trigger_id = serializers.IntegerField()
    name = serializers.CharField()
    matched = serializers.BooleanField()
    reason = serializers.CharField()


class BotTriggerTestSerializer(Serializer):
    """What a message would do to a bot: the winner, and every trigger's verdict in order of precedence."""

    winner_id = serializers.IntegerField(allow_null=True)
    results = TriggerExplanationSerializer(many=True)


class TriggerLogSerializer(ModelSerializer[TriggerLog]):
    """One firing."""

    trigger_id = serializers.IntegerField(read_only=True)
    contact_id = serializers.IntegerField(read_only=True)
    message_id = serializers.IntegerField(read_only=True)
    execution_id = serializers.IntegerField(read_only=True)

    class Meta:
        model = TriggerLog
        fields = ["id", "trigger_id", "contact_id", "message_id", "execution_id", "keyword", "created_at"]


class TriggerStatisticsSerializer(Serializer):
    """Counts of triggers and their firings."""

    total = serializers.IntegerField()
    active = serializers.IntegerField()
    by_type = serializers.DictField(child=serializers.IntegerField())
    firings = serializers.IntegerField()
    firings_today = serializers.IntegerField(help_text="Since midnight, UTC.")
