"""/bots/ and /channels/."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from chatboost.core.api.viewsets import ModelViewSet, permissions_for
from chatboost.core.errors import Forbidden
from chatboost.messaging.api import filters
from chatboost.messaging.api.serializers.bots import BotSerializer, ChannelCheckSerializer, ChannelSerializer
from chatboost.messaging.models import Bot, Channel
from chatboost.messaging.providers.base import CheckOutcome, Rejected, Working
from chatboost.messaging.selectors import bots as bot_selectors
from chatboost.messaging.selectors import channels as channel_selectors
from chatboost.messaging.services import bots, channels

# The API's word → the service's.
_BOT_CREDENTIALS = {"whatsapp_access_token": "access_token", "whatsapp_phone_number_id": "phone_number_id"}


class BotViewSet(ModelViewSet[Bot]):
    """Bots of the organization. Whoever gives or changes credentials needs the right to change channels."""

    queryset = bot_selectors.with_default_channel(Bot.objects.all()).order_by("name", "id")
    serializer_class = BotSerializer
    permission_map = permissions_for("messaging.bot")
    lookup_url_kwarg = "bot_id"
    filterset_class = filters.BotFilter
    search_fields = ["name", "description"]
    ordering_fields = ["id", "name", "created_at", "updated_at"]

    def perform_create(self, serializer: BaseSerializer[Bot]) -> None:
        """Create the bot with its channels."""
        bot = bots.create(organization=self.organization, actor=self.request.user, **self._fields(serializer))
        serializer.instance = self.get_queryset().get(pk=bot.pk)

    def perform_update(self, serializer: BaseSerializer[Bot]) -> None:
        """Change the bot and its default channel."""
        bot = bots.update(self.get_object(), actor=self.request.user, **self._fields(serializer))
        serializer.instance = self.get_queryset().get(pk=bot.pk)

    def perform_destroy(self, instance: Bot) -> None:
        """Remove the bot."""
        bots.delete(instance, actor=self.request.user)

    def _fields(self, serializer: BaseSerializer[Bot]) -> dict[str, Any]:
        """Return the service's arguments; credentials that are null, or what they were, are left out."""
        fields = dict(serializer.validated_data)
        current = getattr(serializer.instance, "whatsapp_phone_number_id", "")
        credentials = {word: fields.pop(name, None) for name, word in _BOT_CREDENTIALS.items()}
        if credentials["phone_number_id"] == current:
            credentials["phone_number_id"] = None
        given = {word: value for word, value in credentials.items() if value is not None}
        if given and not self.request.user.has_perm("messaging.change_channel", self.organization):
            raise Forbidden("Your role may not change WhatsApp credentials.")
        return fields | given


class ChannelViewSet(ModelViewSet[Channel]):
    """Channels of the organization's bots."""

    queryset = channel_selectors.without_secrets(Channel.objects.all()).order_by("bot_id", "id")
    serializer_class = ChannelSerializer
    permission_map = permissions_for("messaging.channel") | {"check": "messaging.change_channel"}
    unkeyed_actions = frozenset({"check"})
    filterset_class = filters.ChannelFilter
    search_fields = ["name", "external_id", "address"]
    ordering_fields = ["id", "name", "created_at"]

    def perform_create(self, serializer: BaseSerializer[Channel]) -> None:
        """Open the channel."""
        fields = _channel_fields(serializer)
        channel = channels.create(
            actor=self.request.user, **{name: value for name, value in fields.items() if value is not None}
        )
        serializer.instance = self.get_queryset().get(pk=channel.pk)

    def perform_update(self, serializer: BaseSerializer[Channel]) -> None:
        """Change the channel."""
        fields = _channel_fields(serializer)
        changes = {name: value for name, value in fields.items() if name not in ("bot", "kind")}
        channel = channels.update(self.get_object(), actor=self.request.user, **changes)
        serializer.instance = self.get_queryset().get(pk=channel.pk)

    def perform_destroy(self, instance: Channel) -> None:
        """Remove the channel."""
        channels.delete(instance, actor=self.request.user)

    @extend_schema(request=None, responses=ChannelCheckSerializer)
    @action(detail=True, methods=["post"], filterset_class=None)
    def check(self, request: Request, pk: str) -> Response:
        """Ask the vendor whether the channel's credentials work; the channel's health follows the answer."""
        channel = self.get_object()
        outcome = channels.check(channel)
        return Response(ChannelCheckSerializer(_check_answer(outcome, channel)).data)


def _channel_fields(serializer: BaseSerializer[Channel]) -> dict[str, Any]:
    fields = dict(serializer.validated_data)
    if "external_id" in fields:
        fields["phone_number_id"] = fields.pop("external_id")
    return fields


def _check_answer(outcome: CheckOutcome, channel: Channel) -> dict[str, Any]:
    answer: dict[str, Any] = {"ok": False, "health": channel.health}
    match outcome:
        case Working():
            shown = {
                "display_phone_number": outcome.display_phone_number,
                "verified_name": outcome.verified_name,
                "quality_rating": outcome.quality_rating,
            }
            return answer | shown | {"ok": True, "problem": None}
        case Rejected(error=error):
            problem = {"kind": error.kind, "code": error.code, "message": error.message}
        case _:
            problem = {"kind": "unclear", "code": None, "message": outcome.reason}
    return answer | {"problem": problem}
