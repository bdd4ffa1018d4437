"""Shapes of this room's API."""

from typing import Any

from rest_framework import serializers

from chatboost.core.api.serializers import ModelSerializer, ScopedRelatedField, Serializer
from chatboost.messaging.api.fields import PhoneField
from chatboost.messaging.models import Bot
from flows.models import Execution, ExecutionLog, Flow, FlowVersion, Node

_NUMBER_HELP = "Unique in the flow, which begins at the lowest. Left out: the next free one, from 0."
_CONFIG_HELP = "What the node type wants; `next`, `true_path`, `false_path` name other nodes' numbers."


class NodeInputSerializer(Serializer):
    """A node inside a flow that is being created."""

    number = serializers.IntegerField(
        min_value=0, max_value=1_000_000, required=False, help_text=_NUMBER_HELP
    )
    type = serializers.CharField(max_length=40)
    config = serializers.DictField(required=False, default=dict, help_text=_CONFIG_HELP)


class NodeSerializer(ModelSerializer[Node]):
    """A node of a flow's draft."""

    flow_id = ScopedRelatedField(source="flow", queryset=Flow.objects.all())
    number = serializers.IntegerField(
        min_value=0, max_value=1_000_000, required=False, help_text=_NUMBER_HELP
    )
    config = serializers.DictField(required=False, default=dict, help_text=_CONFIG_HELP)

    class Meta:
        model = Node
        fields = ["id", "flow_id", "number", "type", "label", "config"]
        # Uniqueness is the service's: it answers 409.
        validators: list[Any] = []

    def validate_flow_id(self, flow: Flow) -> Flow:
        """Keep a node in its flow: its number means something only there. Raises ValidationError."""
        if self.instance is not None and self.instance.flow_id != flow.pk:
            raise serializers.ValidationError("A node stays in its flow.")
        return flow


class FlowSerializer(ModelSerializer[Flow]):
    """A flow; its nodes come along in the detail."""

    bot_id = ScopedRelatedField(source="bot", queryset=Bot.objects.all())
    is_published = serializers.SerializerMethodField()
    version = serializers.IntegerField(
        source="published_version.number", read_only=True, default=None, allow_null=True
    )

    class Meta:
        model = Flow
        fields = [
            "id",
            "bot_id",
            "name",
            "description",
            "is_active",
            "ignore_triggers",
            "is_published",
            "version",
            "revision",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["revision", "created_at", "updated_at"]

    def validate_bot_id(self, bot: Bot) -> Bot:
        """Keep a flow with its bot: its conversations and triggers are the bot's. Raises ValidationError."""
        if self.instance is not None and self.instance.bot_id != bot.pk:
            raise serializers.ValidationError("A flow stays with its bot.")
        return bot

    def get_is_published(self, flow: Flow) -> bool:
        """Tell whether the flow has a version that can run."""
        return flow.published_version_id is not None


class FlowDetailSerializer(FlowSerializer):
    """A flow with its draft's nodes."""

    nodes = NodeSerializer(many=True, read_only=True)

    class Meta(FlowSerializer.Meta):
        fields = [*FlowSerializer.Meta.fields, "nodes"]


class FlowCreateSerializer(FlowSerializer):
    """A new flow, with its nodes if they are known already."""

    nodes = NodeInputSerializer(many=True, required=False, write_only=True)

    class Meta(FlowSerializer.Meta):
        fields = [*FlowSerializer.Meta.fields, "nodes"]


class FlowProblemSerializer(Serializer):
    """Something wrong, or doubtful, in a draft."""

    node = serializers.IntegerField(allow_null=True, help_text="The node's number; null is the flow itself.")
    path = serializers.CharField(allow_blank=True)
    code = serializers.CharField()
    message = serializers.CharField()
    severity = serializers.ChoiceField(choices=["error", "warning"])


class ValidationSerializer(Serializer):
    """What a validation found."""

    can_publish = serializers.BooleanField(help_text="No errors; warnings do not count.")
    problems = FlowProblemSerializer(many=True)


class FlowVersionSerializer(ModelSerializer[FlowVersion]):
    """A published version."""

    flow_id = serializers.IntegerField(read_only=True)

    class Meta:
        model = FlowVersion
        fields = ["id", "flow_id", "number", "spec", "published_at"]


class RollbackSerializer(Serializer):
    """Which version to publish again."""

    version = serializers.IntegerField(min_value=1)


class ExecuteSerializer(Serializer):
    """A flow to start for a contact."""

    flow_id = ScopedRelatedField(queryset=Flow.objects.select_related("bot"))
    bot_id = ScopedRelatedField(queryset=Bot.objects.all())
    contact_phone = PhoneField()
    initial_state = serializers.DictField(required=False, default=dict)


class ExecutionSerializer(ModelSerializer[Execution]):
    """An execution."""

    flow_id = serializers.IntegerField(read_only=True)
    bot_id = serializers.IntegerField(read_only=True)
    contact_id = serializers.IntegerField(read_only=True)
    conversation_id = serializers.IntegerField(read_only=True)
    version = serializers.IntegerField(source="flow_version.number", read_only=True)
    variables = serializers.SerializerMethodField(help_text="The execution's `state`.")

    class Meta:
        model = Execution
        fields = [
            "id",
            "flow_id",
            "version",
            "bot_id",
            "contact_id",
            "conversation_id",
            "state",
            "node_number",
            "variables",
            "wake_at",
            "error_code",
            "error_detail",
            "origin_kind",
            "origin_id",
            "started_at",
            "ended_at",
        ]

    def get_variables(self, execution: Execution) -> dict[str, Any]:
        """Return what the flow has stored in `state`."""
        return dict(execution.run_state.get("variables", {}))


class ExecutionLogSerializer(ModelSerializer[ExecutionLog]):
    """One thing that happened."""

    class Meta:
        model = ExecutionLog
        fields = ["id", "node_number", "node_type", "event", "detail", "created_at"]


class InputSerializer(Serializer):
    """An answer given in the contact's place."""

    execution_id = serializers.IntegerField(required=False)
    message = serializers.CharField(max_length=4096)
    message_type = serializers.CharField(max_length=24, required=False, default="text")


class FlowStatisticsSerializer(Serializer):
    """Counts of the organization's executions."""

    total = serializers.IntegerField()
    live = serializers.IntegerField()
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()
    by_state = serializers.DictField(child=serializers.IntegerField())
    completion_rate = serializers.FloatField(allow_null=True, help_text="Completed of all ended, in percent.")
