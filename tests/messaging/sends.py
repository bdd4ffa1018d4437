"""Sends in tests: a number at a fake Graph, its conversations, what became of their messages."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from pytest_django import Settings

from chatboost.core import clock
from chatboost.core.work import claim, kinds
from chatboost.core.work.kinds import EffectKind, Item
from chatboost.messaging.models import (
    Channel,
    ChannelKind,
    Conversation,
    Message,
    MessageStatus,
    SendAttempt,
)
from chatboost.messaging.services import messages
from teams.models import Organization
from tests import factories
from tests.fakes.faults import Fault, Rule
from tests.fakes.graph import DEFAULT_NUMBER_ID, DEFAULT_TOKEN, GraphFake
from tests.messaging.pipeline import NOW, deliver, queue, seconds, status, work

GRACE = seconds(75)
HOLD = seconds(300)
SOON = NOW + seconds(10)

UNCLEAR = {
    "server error after acceptance": Rule(fault=Fault.ACCEPT_THEN_500, times=1),
    "connection cut after acceptance": Rule(fault=Fault.ACCEPT_THEN_RESET, times=1),
    "success that can't be read": Rule(fault=Fault.ACCEPT_THEN_ANSWER, status=200, body="OK", times=1),
    "connection cut before acceptance": Rule(fault=Fault.RESET_BEFORE_ACCEPT, times=1),
}
LOST = UNCLEAR["connection cut before acceptance"]
TAKEN = UNCLEAR["server error after acceptance"]


def real_channel(organization: Organization) -> Channel:
    """The fake's number as a channel."""
    return factories.channel(
        factories.bot(organization),
        kind=ChannelKind.WHATSAPP,
        external_id=DEFAULT_NUMBER_ID,
        access_token=DEFAULT_TOKEN,
    )


@contextmanager
def running_graph(settings: Settings) -> Iterator[GraphFake]:
    """A fake Graph that the adapter calls, with known waits."""
    with GraphFake() as fake:
        settings.WHATSAPP_API_BASE_URL = fake.url
        settings.SEND_UNKNOWN_GRACE, settings.SEND_UNKNOWN_HOLD = GRACE, HOLD
        yield fake


def conversation_on(channel: Channel, **fields: Any) -> Conversation:
    fields.setdefault("window_expires_at", NOW + timedelta(days=1))
    return factories.conversation(channel, factories.contact(channel.organization), **fields)


def reread(message: Message) -> Message:
    return Message.objects.get(pk=message.pk)


def attempts_of(message: Message) -> list[SendAttempt]:
    return list(SendAttempt.objects.filter(message=message).order_by("number"))


def words_sent(graph: GraphFake) -> list[str]:
    return [entry["body"]["text"]["body"] for entry in graph.ledger]


def status_of(message: Message) -> tuple[str, str]:
    row = reread(message)
    return row.status, row.reason


def unclear(graph: GraphFake, conversation: Conversation, rule: Rule = LOST) -> Message:
    """Send a message whose outcome stays open."""
    graph.play(rule)
    message = queue(conversation)
    work()
    graph.play()
    assert status_of(message) == (MessageStatus.UNKNOWN, "")
    return message


def prove_echoes_come(channel: Channel, graph: GraphFake, at: datetime = SOON) -> None:
    """Send another message on the channel and have its status delivered."""
    queue(conversation_on(channel), at=at)
    work(at, kinds=[messages.SEND_KIND])
    deliver(channel, at=at, statuses=[status(graph.ledger[-1]["wamid"], "sent", at=at)])
    work(at)


def taken(queue_name: str = "interactive") -> list[Item]:
    return claim.claim(queue_name, limit=10, now=clock.now())


def send_kind() -> EffectKind[Any, Any]:
    kind = kinds.get(messages.SEND_KIND)
    assert isinstance(kind, EffectKind)
    return kind


def prepared() -> list[tuple[Item, Any]]:
    """Claim and commit the intents, as a worker does before it calls."""
    items = taken()
    with transaction.atomic():
        intents = send_kind().prepare(items)
    return [(item, intents[item.id]) for item in items]
