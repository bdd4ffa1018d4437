"""/conversations/"""

from collections.abc import Callable
from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from chatboost.core import clock
from chatboost.messaging.models import (
    Channel,
    Conversation,
    Direction,
    Message,
    MessageStatus,
    OriginKind,
)
from chatboost.messaging.services import contacts
from teams.models import Organization
from tests import factories

ApiFor = Callable[..., APIClient]


@pytest.fixture
def channel(organization: Organization) -> Channel:
    return factories.channel(factories.bot(organization), access_token="secret")


def _said(conversation: Conversation, text: str) -> Message:
    return Message.objects.create(
        organization_id=conversation.organization_id,
        bot_id=conversation.bot_id,
        channel_id=conversation.channel_id,
        conversation=conversation,
        contact_id=conversation.contact_id,
        direction=Direction.INBOUND,
        status=MessageStatus.RECEIVED,
        origin_kind=OriginKind.CONTACT,
        text=text,
    )


def test_get_shows_the_window_and_the_last_message(
    api: APIClient, organization: Organization, channel: Channel
) -> None:
    contact = factories.contact(organization, first_name="Ana", last_name="Khan", phone="+15550100123")
    until = clock.now() + timedelta(hours=3)
    conversation = factories.conversation(channel, contact, window_expires_at=until)
    _said(conversation, "first")
    last = _said(conversation, "second")

    shown = api.get(f"/conversations/{conversation.pk}").json()

    assert shown["contact"] == {"id": contact.pk, "phone": "+15550100123", "name": "Ana Khan"}
    assert shown["channel"] == {"id": channel.pk, "name": channel.name, "kind": channel.kind}
    assert shown["bot"]["id"] == channel.bot_id
    assert shown["window_expires_at"] == until.isoformat().replace("+00:00", "Z")
    assert shown["last_message"] == {
        "id": last.pk,
        "direction": "inbound",
        "status": "received",
        "type": "text",
        "text": "second",
    }


def test_get_without_messages_has_no_last_message(
    api: APIClient, organization: Organization, channel: Channel
) -> None:
    conversation = factories.conversation(channel, factories.contact(organization))

    assert api.get(f"/conversations/{conversation.pk}/").json()["last_message"] is None


def test_list_costs_the_same_for_many(
    api: APIClient,
    organization: Organization,
    channel: Channel,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(8):
        _said(factories.conversation(channel, factories.contact(organization)), str(number))
    api.get("/conversations/")  # notes the key's use

    with django_assert_num_queries(3):  # key, count, rows
        shown = api.get("/conversations/").json()

    assert shown["count"] == 8


def test_list_leaves_erased_people_out(api: APIClient, organization: Organization, channel: Channel) -> None:
    contact = factories.contact(organization)
    factories.conversation(channel, contact)
    contacts.erase(contact)

    assert api.get("/conversations/").json()["count"] == 0


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 2),
        ("is_bot_paused=true", 1),
        ("is_window_open=true", 1),
        ("is_window_open=false", 1),
        ("search=ana", 1),
        ("contact=999999", 0),
    ],
)
def test_list_can_be_narrowed(
    api: APIClient, organization: Organization, channel: Channel, query: str, count: int
) -> None:
    soon = clock.now() + timedelta(hours=3)
    factories.conversation(channel, factories.contact(organization, first_name="Ana"), window_expires_at=soon)
    factories.conversation(channel, factories.contact(organization), is_bot_paused=True)

    assert api.get(f"/conversations/?{query}").json()["count"] == count


def test_pause_and_resume_silence_the_bot_and_wake_it(
    api: APIClient, organization: Organization, channel: Channel
) -> None:
    conversation = factories.conversation(channel, factories.contact(organization))
    path = f"/conversations/{conversation.pk}"

    assert api.post(f"{path}/pause-bot").json()["is_bot_paused"] is True
    assert api.post(f"{path}/pause-bot/").json()["is_bot_paused"] is True
    assert Conversation.objects.get(pk=conversation.pk).is_bot_paused is True
    assert api.post(f"{path}/resume-bot").json()["is_bot_paused"] is False
    assert Conversation.objects.get(pk=conversation.pk).is_bot_paused is False


@pytest.mark.parametrize(("method", "tail"), [("get", ""), ("post", "/pause-bot"), ("post", "/resume-bot")])
def test_foreign_conversation_is_not_found(
    api: APIClient, other_organization: Organization, method: str, tail: str
) -> None:
    channel = factories.channel(factories.bot(other_organization))
    conversation = factories.conversation(channel, factories.contact(other_organization))

    response = getattr(api, method)(f"/conversations/{conversation.pk}{tail}")

    assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("role", "method", "tail", "status"),
    [("viewer", "get", "", 200), ("viewer", "post", "/pause-bot", 403), ("agent", "post", "/pause-bot", 200)],
)
def test_roles_decide(
    api_for: ApiFor,
    organization: Organization,
    channel: Channel,
    role: str,
    method: str,
    tail: str,
    status: int,
) -> None:
    conversation = factories.conversation(channel, factories.contact(organization))

    response = getattr(api_for(organization, role=role), method)(f"/conversations/{conversation.pk}{tail}")

    assert response.status_code == status
