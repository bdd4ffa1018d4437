"""What this room tells people about its own events, apart from the work that caused them."""

from collections.abc import Mapping
from typing import Any

from django.urls import reverse

from chatboost.core import events
from chatboost.messaging.events import BotLoopStopped, ChannelHealthChanged
from chatboost.messaging.models import Channel, ChannelHealth, Conversation
from teams.models import NotificationType, Organization, Severity
from teams.notifications import notify


def tell_of_channel(payload: Mapping[str, Any], organization_id: int) -> None:
    """Tell whoever may repair a channel that it can't send, unless somebody has repaired it by now."""
    channel = Channel.objects.filter(pk=payload["channel_id"], organization_id=organization_id).first()
    if channel is None or {payload["health"], channel.health} != {ChannelHealth.DISABLED}:
        return
    notify(
        organization=Organization.objects.get(pk=organization_id),
        type=NotificationType.INCIDENT,
        severity=Severity.ERROR,
        title=f"{channel.name} can’t send",
        body=channel.health_reason or "The vendor refuses its credentials.",
        url=reverse("admin:messaging_channel_change", args=[channel.pk]),
        permission="messaging.change_channel",
        object=channel,
        dedupe_key=f"channel_disabled:{channel.pk}:{payload['at']}",
    )


def tell_of_loop(payload: Mapping[str, Any], organization_id: int) -> None:
    """Tell whoever may let a bot speak again that it was paused for saying too much."""
    own = Conversation.objects.filter(organization_id=organization_id)
    conversation = own.select_related("bot").filter(pk=payload["conversation_id"]).first()
    if conversation is None:
        return
    notify(
        organization=Organization.objects.get(pk=organization_id),
        type=NotificationType.INCIDENT,
        severity=Severity.WARNING,
        title=f"{conversation.bot.name} was paused in a conversation",
        # Who it was with is behind the link: a mail about it must not name them.
        body="It sent too many messages in a short time. Perhaps another bot answers it.",
        url=reverse("admin:messaging_conversation_thread", args=[conversation.pk]),
        permission="messaging.change_conversation",
        object=conversation,
        dedupe_key=f"bot_loop:{conversation.pk}:{payload['at']}",
    )


events.subscribe(BotLoopStopped.name, name="messaging.loop_told", handler=tell_of_loop)
events.subscribe(ChannelHealthChanged.name, name="messaging.channel_told", handler=tell_of_channel)
