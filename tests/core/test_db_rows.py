"""Rows written as one JSON text are the rows the ORM would have written."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from pytest_django import DjangoAssertNumQueries

from chatboost.core.db import rows
from chatboost.core.models import WorkItem
from chatboost.messaging.models import (
    Channel,
    Conversation,
    Direction,
    Message,
    MessageStatus,
    OriginKind,
    WebhookReceipt,
)
from teams.models import Organization
from tests import factories

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 9, 12, 0, 30, 250_000, tzinfo=UTC)
PAYLOADS: list[Any] = [
    {
        "text": 'çedilla 👋 "quoted" \\ \u2028',
        "number": 7,
        "rational": 1.5,
        "no": None,
        "yes": True,
        "list": [1, {}],
    },
    {},
    [],
    "words",
    12,
    False,
    "null",
]


@pytest.fixture
def channel(organization: Organization) -> Channel:
    return factories.channel(factories.bot(organization))


def receipt(channel: Channel, key: str, payload: Any) -> dict[str, Any]:
    return {
        "organization_id": channel.organization_id,
        "channel_id": channel.pk,
        "key": key,
        "kind": "message",
        "payload": payload,
        "received_at": rows.moment(NOW),
    }


@pytest.mark.parametrize("payload", PAYLOADS)
def test_insert_is_read_back_as_the_orm_reads_its_own(channel: Channel, payload: Any) -> None:
    WebhookReceipt.objects.create(
        organization=channel.organization,
        channel=channel,
        key="orm",
        kind="message",
        payload=payload,
        received_at=NOW,
    )

    rows.insert(WebhookReceipt, [receipt(channel, "json", payload)])

    fields = ("organization_id", "channel_id", "kind", "payload", "received_at")
    first, second = WebhookReceipt.objects.order_by("id").values_list(*fields)
    assert first == second


def test_insert_returns_what_was_new_and_keeps_the_order(channel: Channel) -> None:
    rows.insert(WebhookReceipt, [receipt(channel, "b", {})])

    found = rows.insert(
        WebhookReceipt,
        [receipt(channel, key, {}) for key in "dbca"],
        on_conflict=rows.ON_CONFLICT_DO_NOTHING,
        returning=("id", "key"),
    )

    assert [key for _, key in sorted(found)] == ["d", "c", "a"]


def test_insert_of_a_copy_without_leave_is_refused(channel: Channel) -> None:
    twice = [receipt(channel, "a", {})] * 2

    with pytest.raises(IntegrityError), transaction.atomic():
        rows.insert(WebhookReceipt, twice)


def test_insert_of_many_is_one_statement(
    channel: Channel, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        rows.insert(WebhookReceipt, [receipt(channel, str(number), {}) for number in range(3000)])

    assert WebhookReceipt.objects.count() == 3000


def test_insert_of_nothing_asks_nothing(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert rows.insert(WorkItem, [], returning=("id",)) == []


@pytest.fixture
def conversation(channel: Channel) -> Conversation:
    return factories.conversation(channel, factories.contact(channel.organization))


def message(conversation: Conversation, **fields: Any) -> Message:
    return Message(
        organization_id=conversation.organization_id,
        bot_id=conversation.bot_id,
        channel_id=conversation.channel_id,
        conversation=conversation,
        contact_id=conversation.contact_id,
        direction=Direction.OUTBOUND,
        status=MessageStatus.QUEUED,
        origin_kind=OriginKind.API,
        **fields,
    )


@pytest.mark.parametrize("content", [{}, {"text": "çedilla 👋", "big": 12345678901234567890123, "no": None}])
def test_create_writes_what_the_orm_writes(conversation: Conversation, content: Any) -> None:
    fields = {"content": content, "created_at": NOW, "changed_at": NOW, "origin_id": 5}
    message(conversation, **fields).save()

    rows.create([message(conversation, **fields)])

    first, second = Message.objects.order_by("id").values()
    assert {**first, "id": 0, "uuid": 0} == {**second, "id": 0, "uuid": 0}
    assert first["uuid"] != second["uuid"]


def test_create_gives_the_ids_in_the_order_of_the_objects(conversation: Conversation) -> None:
    made = [message(conversation, text=str(number)) for number in range(300)]

    assert rows.create(made)

    stored = Message.objects.order_by("id").values_list("id", "uuid", "text")
    assert list(stored) == [(one.pk, one.uuid, one.text) for one in made]
    assert not made[0]._state.adding


def test_create_beside_a_copy_tells_that_not_all_were_inserted(conversation: Conversation) -> None:
    rows.create([message(conversation, external_id="one")])
    made = [message(conversation, external_id=name) for name in ("one", "two")]

    assert not rows.create(made, on_conflict=rows.ON_CONFLICT_DO_NOTHING)

    assert [one.pk for one in made] == [None, None]
    assert Message.objects.count() == 2


def test_create_encrypts_what_the_model_encrypts(organization: Organization) -> None:
    bot = factories.bot(organization)
    made = Channel(organization=organization, bot=bot, kind="simulator", access_token="a secret")

    rows.create([made])

    assert Channel.objects.get(pk=made.pk).access_token == "a secret"
    with connection.cursor() as cursor:
        cursor.execute("SELECT access_token FROM messaging_channel")
        assert "secret" not in cursor.fetchone()[0]


def test_update_writes_the_named_columns_of_each_object(conversation: Conversation) -> None:
    made = [message(conversation, text=str(number)) for number in range(3)]
    rows.create(made)
    for number, one in enumerate(made[:2]):
        one.text, one.status, one.content = "not written", MessageStatus.SENT, {"n": [number, None]}
        one.sent_at, one.uuid, one.origin_id = NOW, uuid4(), None if number else 9

    rows.update(made[:2], ["status", "content", "sent_at", "uuid", "origin_id"])

    columns = ("text", "status", "content", "sent_at", "uuid", "origin_id")
    assert list(Message.objects.order_by("id").values_list(*columns)) == [
        ("0", "sent", {"n": [0, None]}, NOW, made[0].uuid, 9),
        ("1", "sent", {"n": [1, None]}, NOW, made[1].uuid, None),
        ("2", "queued", {}, None, made[2].uuid, None),
    ]


def test_update_of_a_row_that_is_gone_changes_nothing_else(conversation: Conversation) -> None:
    made = [message(conversation), message(conversation)]
    rows.create(made)
    Message.objects.filter(pk=made[0].pk).delete()
    for one in made:
        one.text = "changed"

    rows.update(made, ["text"])

    assert list(Message.objects.values_list("id", "text")) == [(made[1].pk, "changed")]


def test_update_of_many_is_one_statement(
    conversation: Conversation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    made = [message(conversation) for _ in range(500)]
    with django_assert_num_queries(2):
        rows.create(made)
        rows.update(made, ["status"])


def test_create_and_update_of_nothing_ask_nothing(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        rows.update([], ["status"])
        assert rows.create([])
