"""Queueing messages: through the gate, with their work, or neither."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from chatboost.core import clock
from chatboost.core.models import WorkItem, WorkState
from chatboost.messaging.models import (
    Channel,
    ChannelHealth,
    ContactStatus,
    Conversation,
    Direction,
    Message,
    MessageStatus,
    OriginKind,
)
from chatboost.messaging.services import messages
from teams.models import Organization
from tests import factories
from tests.messaging.pipeline import NOW, queue, work

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel(organization: Organization) -> Channel:
    return factories.channel(factories.bot(organization))


def open_conversation(channel: Channel, **fields: Any) -> Conversation:
    fields.setdefault("window_expires_at", NOW + timedelta(hours=1))
    contact = factories.contact(channel.organization)
    return factories.conversation(channel, contact, **fields)


@pytest.fixture
def conversation(channel: Channel) -> Conversation:
    return open_conversation(channel)


def draft(conversation: Conversation, words: str = "Hi", **fields: Any) -> messages.Draft:
    given = {"type": "text", "content": {"text": words}, "origin_kind": OriginKind.API}
    return messages.Draft(conversation=conversation, **(given | fields))


def queries_of(drafts: list[messages.Draft]) -> int:
    with (
        CaptureQueriesContext(
            connection,
        ) as captured,
        clock.frozen(NOW),
    ):
        messages.queue_many(drafts)
    return len(captured)


def test_queue_writes_the_message_and_its_work(conversation: Conversation) -> None:
    message = queue(conversation, "Hello", origin_kind=OriginKind.FLOW, origin_id=7, reply_to="wamid.A")

    row = Message.objects.get()
    assert row == message
    assert (row.direction, row.status, row.text) == (Direction.OUTBOUND, MessageStatus.QUEUED, "Hello")
    assert (row.origin_kind, row.origin_id, row.reply_to_external_id) == (OriginKind.FLOW, 7, "wamid.A")
    assert (row.organization_id, row.bot_id, row.channel_id, row.contact_id) == (
        conversation.organization_id,
        conversation.bot_id,
        conversation.channel_id,
        conversation.contact_id,
    )
    item = WorkItem.objects.get()
    assert (item.kind, item.subject_id, item.state) == (messages.SEND_KIND, row.pk, WorkState.READY)
    assert (item.lane, item.organization_id) == (f"send:{conversation.pk}", conversation.organization_id)


@pytest.mark.parametrize(
    ("origin", "queue_name", "priority"),
    [
        (OriginKind.API, "interactive", 50),
        (OriginKind.FLOW, "interactive", 50),
        (OriginKind.OPERATOR, "interactive", 50),
        (OriginKind.CAMPAIGN, "campaign", 70),
    ],
)
def test_queue_lets_replies_overtake_campaigns(
    conversation: Conversation, origin: str, queue_name: str, priority: int
) -> None:
    queue(conversation, origin_kind=origin)

    item = WorkItem.objects.get()
    assert (item.queue, item.priority) == (queue_name, priority)


def test_queue_outside_the_window_keeps_a_refused_message_without_work(channel: Channel) -> None:
    message = queue(open_conversation(channel, window_expires_at=NOW))

    row = Message.objects.get(pk=message.pk)
    assert (row.status, row.reason) == (MessageStatus.REFUSED, "window_closed")
    assert "24 hours" in row.reason_detail
    assert not WorkItem.objects.exists()


@pytest.mark.parametrize(
    ("target", "fields", "reason"),
    [
        ("contact", {"status": ContactStatus.BLOCKED}, "contact_blocked"),
        ("contact", {"phone": None}, "contact_unreachable"),
        ("channel", {"is_active": False}, "channel_inactive"),
        ("channel", {"health": ChannelHealth.DISABLED}, "channel_disabled"),
    ],
)
def test_queue_asks_the_gate_about_contact_and_channel(
    conversation: Conversation, target: str, fields: dict[str, Any], reason: str
) -> None:
    for name, value in fields.items():
        setattr(getattr(conversation, target), name, value)

    assert queue(conversation).reason == reason


def test_queue_to_a_contact_with_only_a_user_id_is_allowed(conversation: Conversation) -> None:
    conversation.contact.phone = None
    conversation.contact.external_user_id = "US.1"

    assert queue(conversation).status == MessageStatus.QUEUED


def test_queue_many_refuses_one_and_queues_the_others_in_order(channel: Channel) -> None:
    closed = open_conversation(channel, window_expires_at=None)
    first, second = open_conversation(channel), open_conversation(channel)

    with clock.frozen(NOW):
        rows = messages.queue_many([draft(first, "1"), draft(closed, "2"), draft(second, "3")])

    assert [row.status for row in rows] == ["queued", "refused", "queued"]
    subjects = WorkItem.objects.order_by("id").values_list("subject_id", flat=True)
    assert list(subjects) == [rows[0].pk, rows[2].pk]


def test_queue_many_of_nothing_writes_nothing() -> None:
    assert messages.queue_many([]) == []


def test_queue_in_a_rolled_back_transaction_leaves_neither_message_nor_work(
    conversation: Conversation,
) -> None:
    with transaction.atomic():
        queue(conversation)
        transaction.set_rollback(True)

    assert not Message.objects.exists()
    assert not WorkItem.objects.exists()


def test_queue_many_costs_the_same_for_ten_as_for_two(channel: Channel) -> None:
    conversations = [open_conversation(channel) for _ in range(12)]

    few = queries_of([draft(each) for each in conversations[:2]])
    many = queries_of([draft(each) for each in conversations[2:]])

    assert few == many


def test_queue_moves_the_conversation_to_the_top_of_the_inbox(conversation: Conversation) -> None:
    queue(conversation)

    conversation.refresh_from_db()
    assert conversation.last_message_at == NOW
    assert conversation.last_inbound_at is None


def test_preview_says_what_queue_would_and_writes_nothing(channel: Channel) -> None:
    conversation = open_conversation(channel, window_expires_at=None)

    verdict = messages.preview(conversation, "text", now=NOW)

    assert (verdict.reason, verdict.explanation) == (
        queue(conversation).reason,
        Message.objects.get().reason_detail,
    )
    assert Message.objects.count() == 1


@pytest.mark.parametrize(
    ("type_", "content", "read"),
    [
        ("text", {"text": "Hello"}, "Hello"),
        ("interactive", {"body": "Choose", "buttons": []}, "Choose"),
        ("image", {"caption": "A cat"}, "A cat"),
        ("image", {}, "[image]"),
        ("text", {"text": "x" * 5000}, "x" * 4096),
    ],
)
def test_readable_text_is_what_a_list_shows(type_: str, content: dict[str, Any], read: str) -> None:
    assert messages.readable_text(type_, content) == read


def test_messages_of_one_conversation_are_sent_in_the_order_they_were_queued(
    conversation: Conversation,
) -> None:
    with clock.frozen(NOW):
        messages.queue_many([draft(conversation, str(number)) for number in range(5)])
    work()

    rows = Message.objects.order_by("attempts__id")
    assert [row.text for row in rows] == ["0", "1", "2", "3", "4"]
    assert {row.status for row in rows} == {MessageStatus.SENT}
