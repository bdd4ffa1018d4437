"""/conversations/, /messages/check and /whatsapp/: what is said, and what is sent."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from chatboost.core.api.pagination import Cursor
from chatboost.core.api.serializers import Serializer
from chatboost.core.api.viewsets import OrganizationViewSet, ReadViewSet, permissions_for
from chatboost.messaging.api import filters
from chatboost.messaging.api.serializers.conversations import (
    BotQuerySerializer,
    ConversationSerializer,
    GateQuestionSerializer,
    InteractiveSerializer,
    MessageSerializer,
    QueuedSerializer,
    TextSerializer,
    VerdictSerializer,
)
from chatboost.messaging.models import Bot, Conversation, Message, OriginKind
from chatboost.messaging.selectors import conversations as selectors
from chatboost.messaging.services import conversations


class ConversationViewSet(ReadViewSet[Conversation]):
    """Conversations, the newest first."""

    queryset = selectors.with_last_message(selectors.existing()).order_by("-last_message_at", "-id")
    serializer_class = ConversationSerializer
    permission_map = permissions_for("messaging.conversation") | {
        "pause_bot": "messaging.change_conversation",
        "resume_bot": "messaging.change_conversation",
    }
    filterset_class = filters.ConversationFilter
    search_fields = ["contact__first_name", "contact__last_name", "contact__phone"]
    ordering_fields = ["id", "last_message_at", "last_inbound_at", "window_expires_at", "created_at"]

    @extend_schema(request=None, responses=ConversationSerializer)
    @action(detail=True, methods=["post"], url_path="pause-bot")
    def pause_bot(self, request: Request, pk: str) -> Response:
        """Keep the bot silent while a person answers."""
        conversation = self.get_object()
        conversations.pause_bot(conversation, actor=request.user)
        return Response(self.get_serializer(conversation).data)

    @extend_schema(request=None, responses=ConversationSerializer)
    @action(detail=True, methods=["post"], url_path="resume-bot")
    def resume_bot(self, request: Request, pk: str) -> Response:
        """Let the bot answer again."""
        conversation = self.get_object()
        conversations.resume_bot(conversation, actor=request.user)
        return Response(self.get_serializer(conversation).data)


class HistoryViewSet(mixins.ListModelMixin, OrganizationViewSet[Message]):
    """Messages of a bot, the newest first."""

    queryset = Message.objects.select_related("contact")
    serializer_class = MessageSerializer
    permission_map = {"list": "messaging.view_message"}
    pagination_class = Cursor
    filterset_class = filters.MessageFilter
    search_fields = ["text"]

    def get_queryset(self) -> QuerySet[Message]:
        """Return the bot's messages. Raises Http404 for a bot that is not the organization's."""
        queryset = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return queryset
        bots = Bot.objects.for_organization(self.organization)
        return queryset.filter(bot=get_object_or_404(bots, pk=self.kwargs["bot_id"]))


class SendViewSet(OrganizationViewSet[Message]):
    """Sending on a bot's default channel."""

    queryset = Message.objects.all()
    permission_map = {
        "text": "messaging.send",
        "interactive": "messaging.send",
        "check": "messaging.send",
    }
    _bodies: ClassVar[dict[str, type[Serializer]]] = {
        "text": TextSerializer,
        "interactive": InteractiveSerializer,
        "check": GateQuestionSerializer,
    }

    def get_serializer_class(self) -> type[Serializer]:
        """Return the body of the route's action, also while another method is refused."""
        return self._bodies[self.action_map["post"]]

    @extend_schema(request=TextSerializer, parameters=[BotQuerySerializer], responses={202: QueuedSerializer})
    def text(self, request: Request) -> Response:
        """Queue a text. 202 also when the gate refuses it: the message is kept as `refused`."""
        body = self._read()
        content = {"text": body["text"]}
        if "preview_url" in body:
            content["preview_url"] = body["preview_url"]
        return self._queue("text", body["to"], content)

    @extend_schema(
        request=InteractiveSerializer, parameters=[BotQuerySerializer], responses={202: QueuedSerializer}
    )
    def interactive(self, request: Request) -> Response:
        """Queue buttons or a list. 202 also when the gate refuses it: the message is kept as `refused`."""
        body = self._read()
        return self._queue("interactive", body["to"], body["interactive"])

    @extend_schema(request=GateQuestionSerializer, responses=VerdictSerializer)
    def check(self, request: Request) -> Response:
        """Ask the send gate whether a message might go now. Nothing is sent or created."""
        body = self._read()
        verdict = conversations.preview(bot=body["bot_id"], phone=body["to"], message_type=body["type"])
        return Response(VerdictSerializer(verdict).data)

    def _queue(self, message_type: str, phone: str, content: dict[str, Any]) -> Response:
        query = BotQuerySerializer(data=self.request.query_params)
        query.is_valid(raise_exception=True)
        bot = get_object_or_404(
            Bot.objects.for_organization(self.organization), pk=query.validated_data["bot_id"]
        )
        message, verdict = conversations.write_to(
            bot=bot, phone=phone, message_type=message_type, content=content, origin_kind=OriginKind.API
        )
        answer = QueuedSerializer({"message": message, "verdict": verdict})
        return Response(answer.data, status=status.HTTP_202_ACCEPTED)

    def _read(self) -> dict[str, Any]:
        body = self.get_serializer(data=self.request.data)
        body.is_valid(raise_exception=True)
        return dict(body.validated_data)
