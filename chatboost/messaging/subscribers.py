"""What this room tells people about its own events, apart from the work that caused them."""

from collections.abc import Mapping
from typing import Any

from django.urls import reverse

from chatboost.core import events
from chatboost.messaging.events import ChannelHealthChanged
from chatboost.messaging.models import Channel, ChannelHealth
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


events.subscribe(ChannelHealthChanged.name, name="messaging.channel_told", handler=tell_of_channel)
