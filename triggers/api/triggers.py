"""/triggers/."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from chatboost.core.api.pagination import Cursor
from chatboost.core.api.schema import ID
from chatboost.core.api.viewsets import ModelViewSet, permissions_for
from chatboost.core.errors import ValidationFailed
from chatboost.messaging.models import Bot
from triggers.api import filters
from triggers.api.serializers import (
    BotTriggerTestSerializer,
    TriggerExplanationSerializer,
    TriggerLogSerializer,
    TriggerSerializer,
    TriggerStatisticsSerializer,
    TriggerTestSerializer,
)
from triggers.models import Trigger, TriggerLog
from triggers.selectors import triggers as selectors
from triggers.services import triggers

_BOT = OpenApiParameter("bot_id", ID, OpenApiParameter.PATH)


class TriggerViewSet(ModelViewSet[Trigger]):
    """Triggers of the organization's bots."""

    queryset = Trigger.objects.select_related("bot", "flow").order_by("-priority", "id")
    serializer_class = TriggerSerializer
    permission_map = permissions_for("triggers.trigger") | {
        "of_bot": "triggers.view_trigger",
        "activate": "triggers.change_trigger",
        "deactivate": "triggers.change_trigger",
        "test": "triggers.view_trigger",
        "test_bot": "triggers.view_trigger",
        "logs": "triggers.view_triggerlog",
        "statistics": "triggers.view_trigger",
    }
    filterset_class = filters.TriggerFilter
    search_fields = ["name"]
    ordering_fields = ["id", "name", "priority", "created_at"]

    def perform_create(self, serializer: BaseSerializer[Trigger]) -> None:
        """Save the new trigger."""
        serializer.instance = triggers.save(
            Trigger(organization=self.organization, **serializer.validated_data), actor=self.request.user
        )

    def perform_update(self, serializer: BaseSerializer[Trigger]) -> None:
        """Save the changed trigger."""
        trigger = self.get_object()
        for field, value in serializer.validated_data.items():
            setattr(trigger, field, value)
        serializer.instance = triggers.save(trigger, actor=self.request.user)

    def perform_destroy(self, instance: Trigger) -> None:
        """Remove the trigger."""
        triggers.delete(instance, actor=self.request.user)

    @extend_schema(parameters=[_BOT], responses=TriggerSerializer(many=True))
    @action(detail=False, methods=["get"], url_path=r"bot/(?P<bot_id>[0-9]{1,18})")
    def of_bot(self, request: Request, bot_id: str) -> Response:
        """List a bot's triggers in order of precedence."""
        rows = self.get_queryset().filter(bot=self._bot(bot_id))
        page = self.paginate_queryset(self.filter_queryset(rows))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(request=None, responses=TriggerSerializer)
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, pk: str) -> Response:
        """Switch the trigger on."""
        trigger = triggers.set_active(self.get_object(), is_active=True, actor=request.user)
        return Response(self.get_serializer(trigger).data)

    @extend_schema(request=None, responses=TriggerSerializer)
    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, pk: str) -> Response:
        """Switch the trigger off."""
        trigger = triggers.set_active(self.get_object(), is_active=False, actor=request.user)
        return Response(self.get_serializer(trigger).data)

    @extend_schema(request=TriggerTestSerializer, responses=TriggerExplanationSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """Tell whether a message would fire the trigger, and why."""
        trigger = self.get_object()
        return Response(_explained([trigger], _test_message(request))[0])

    @extend_schema(
        operation_id="triggers_test_bot",
        request=TriggerTestSerializer,
        responses=BotTriggerTestSerializer,
        parameters=[OpenApiParameter("bot_id", ID, required=True)],
    )
    @action(detail=False, methods=["post"], url_path="test")
    def test_bot(self, request: Request) -> Response:
        """Try a message against all active triggers of a bot."""
        bot_id = request.query_params.get("bot_id", "")
        if not (bot_id.isascii() and bot_id.isdigit() and len(bot_id) < 19):
            raise ValidationFailed("Name the bot: ?bot_id=", errors={"bot_id": ["A number is required."]})
        active = list(self.get_queryset().filter(bot=self._bot(bot_id), is_active=True))
        results = _explained(active, _test_message(request))
        winner = next((result["trigger_id"] for result in results if result["matched"]), None)
        return Response({"winner_id": winner, "results": results})

    @extend_schema(responses=TriggerLogSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], pagination_class=Cursor)
    def logs(self, request: Request, pk: str) -> Response:
        """List the trigger's firings, newest first."""
        page = self.paginate_queryset(TriggerLog.objects.filter(trigger=self.get_object()))
        return self.get_paginated_response(TriggerLogSerializer(page, many=True).data)

    @extend_schema(responses=TriggerStatisticsSerializer)
    @action(detail=False, methods=["get"], pagination_class=None)
    def statistics(self, request: Request) -> Response:
        """Count triggers and firings."""
        return Response(TriggerStatisticsSerializer(selectors.statistics(self.organization)).data)

    def _bot(self, bot_id: str) -> Bot:
        bot: Bot = Bot.objects.for_organization(self.organization).get(pk=int(bot_id))
        return bot


def _test_message(request: Request) -> str:
    given = TriggerTestSerializer(data=request.data)
    given.is_valid(raise_exception=True)
    return str(given.validated_data["test_message"])


def _explained(rows: Sequence[Trigger], text: str) -> list[dict[str, Any]]:
    names = {trigger.pk: trigger.name for trigger in rows}
    return [
        {
            "trigger_id": found.rule_id,
            "name": names[found.rule_id],
            "matched": found.matched,
            "reason": found.reason,
        }
        for found in triggers.explain(rows, text)
    ]
