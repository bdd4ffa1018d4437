"""/whatsapp/send/…, /whatsapp/messages/{bot_id} and /messages/check"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from chatboost.core import clock
from chatboost.core.models import WorkItem
from chatboost.messaging.models import Bot, Channel, Contact, Conversation, Message
from chatboost.messaging.services import bots, contacts, messages
from teams.models import Organization
from tests import factories

ApiFor = Callable[..., APIClient]

BUTTONS = {"body": "Shall we?", "buttons": [{"id": "yes", "title": "Yes"}, {"id": "no", "title": "No"}]}


@pytest.fixture
def bot(organization: Organization) -> Bot:
    return bots.create(organization=organization, name="Shop", phone_number_id="100")


@pytest.fixture
def channel(bot: Bot) -> Channel:
    return Channel.objects.get(bot=bot, external_id="100")


def _open_conversation(channel: Channel, phone: str = "+1234567890") -> Conversation:
    contact = factories.contact(channel.organization, phone=phone)
    return factories.conversation(channel, contact, window_expires_at=clock.now() + timedelta(hours=3))


def test_send_text_with_an_open_window_is_queued(api: APIClient, bot: Bot, channel: Channel) -> None:
    conversation = _open_conversation(channel)
    body = {"to": "1234567890", "text": "Hello from ChatBoost!"}

    response = api.post(f"/whatsapp/send/text?bot_id={bot.pk}", body, format="json")

    shown = response.json()
    assert response.status_code == 202
    assert shown["verdict"]["action"] == "allow"
    message = Message.objects.get(pk=shown["message"]["id"])
    assert (message.status, message.conversation_id, message.origin_kind) == (
        "queued",
        conversation.pk,
        "api",
    )
    assert message.content == {"text": "Hello from ChatBoost!"}
    assert WorkItem.objects.filter(kind=messages.SEND_KIND, subject_id=message.pk).exists()


def test_send_text_to_a_stranger_is_refused_and_kept(api: APIClient, bot: Bot, channel: Channel) -> None:
    response = api.post(
        f"/whatsapp/send/text/?bot_id={bot.pk}", {"to": "1234567890", "text": "Hi"}, format="json"
    )

    shown = response.json()
    assert response.status_code == 202
    assert (shown["verdict"]["action"], shown["verdict"]["reason"]) == ("refuse", "window_closed")
    assert (shown["message"]["status"], shown["message"]["reason"]) == ("refused", "window_closed")
    assert shown["message"]["contact"]["phone"] == "+1234567890"
    assert Conversation.objects.get().channel_id == channel.pk
    assert not WorkItem.objects.exists()


def test_send_text_keeps_preview_and_spaces(api: APIClient, bot: Bot, channel: Channel) -> None:
    _open_conversation(channel)
    body = {"to": "1234567890", "text": "  Hi  ", "preview_url": True}

    shown = api.post(f"/whatsapp/send/text?bot_id={bot.pk}", body, format="json").json()

    assert shown["message"]["content"] == {"text": "  Hi  ", "preview_url": True}


def test_send_interactive_is_queued(api: APIClient, bot: Bot, channel: Channel) -> None:
    _open_conversation(channel)
    body = {"to": "1234567890", "interactive": BUTTONS}

    response = api.post(f"/whatsapp/send/interactive?bot_id={bot.pk}", body, format="json")

    assert response.status_code == 202
    assert response.json()["message"]["content"] == BUTTONS


@pytest.mark.parametrize(
    ("kind", "body", "field"),
    [
        ("text", {"text": "Hi"}, "to"),
        ("text", {"to": "nobody", "text": "Hi"}, "to"),
        ("text", {"to": "1234567890"}, "text"),
        ("text", {"to": "1234567890", "text": "   "}, "text"),
        ("text", {"to": "1234567890", "text": "x" * 4097}, "text"),
        ("text", {"to": "1234567890", "text": "Hi", "when": "now"}, "when"),
        ("interactive", {"to": "1234567890", "interactive": "Hi"}, "interactive"),
        ("interactive", {"to": "1234567890", "interactive": {"body": "Hi"}}, "interactive"),
        (
            "interactive",
            {"to": "1234567890", "interactive": BUTTONS | {"buttons": [{"id": "a", "title": "x" * 21}]}},
            "interactive",
        ),
    ],
)
def test_send_bad_body_names_the_field_and_creates_nothing(
    api: APIClient, bot: Bot, kind: str, body: dict[str, Any], field: str
) -> None:
    response = api.post(f"/whatsapp/send/{kind}?bot_id={bot.pk}", body, format="json")

    assert (response.status_code, list(response.json()["errors"])) == (400, [field])
    assert not Contact.objects.exists()


@pytest.mark.parametrize("query", ["", "?bot_id=", "?bot_id=x", "?bot_id=0", "?bot_id=99999999999999999999"])
def test_send_without_a_bot_is_a_bad_request(api: APIClient, query: str) -> None:
    response = api.post(f"/whatsapp/send/text{query}", {"to": "1234567890", "text": "Hi"}, format="json")

    assert (response.status_code, list(response.json()["errors"])) == (400, ["bot_id"])


def test_send_from_a_foreign_bot_is_not_found(api: APIClient, other_organization: Organization) -> None:
    bot = bots.create(organization=other_organization, name="Theirs", phone_number_id="100")

    response = api.post(
        f"/whatsapp/send/text?bot_id={bot.pk}", {"to": "1234567890", "text": "Hi"}, format="json"
    )

    assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("fields", "code"),
    [({}, "no_channel"), ({"phone_number_id": "100", "is_whatsapp_enabled": False}, "whatsapp_disabled")],
)
def test_send_from_a_bot_that_cannot_is_a_conflict(
    api: APIClient, organization: Organization, fields: dict[str, Any], code: str
) -> None:
    bot = bots.create(organization=organization, name="Shop", **fields)

    response = api.post(
        f"/whatsapp/send/text?bot_id={bot.pk}", {"to": "1234567890", "text": "Hi"}, format="json"
    )

    assert (response.status_code, response.json()["code"]) == (409, code)


def test_send_needs_more_than_a_viewer(api_for: ApiFor, organization: Organization, bot: Bot) -> None:
    body = {"to": "1234567890", "text": "Hi"}
    path = f"/whatsapp/send/text?bot_id={bot.pk}"

    assert api_for(organization, role="viewer").post(path, body, format="json").status_code == 403
    assert api_for(organization, role="agent").post(path, body, format="json").status_code == 202


def test_check_of_an_open_window_allows(api: APIClient, bot: Bot, channel: Channel) -> None:
    _open_conversation(channel)

    response = api.post(
        "/messages/check", {"bot_id": bot.pk, "to": "1234567890", "type": "text"}, format="json"
    )

    assert response.status_code == 200
    assert response.json() == {
        "action": "allow",
        "reason": "",
        "explanation": "The message may go.",
        "until": None,
    }


@pytest.mark.parametrize(("message_type", "action"), [("text", "refuse"), ("template", "allow")])
def test_check_of_a_stranger_creates_nobody(api: APIClient, bot: Bot, message_type: str, action: str) -> None:
    body = {"bot_id": bot.pk, "to": "1234567890", "type": message_type}

    assert api.post("/messages/check/", body, format="json").json()["action"] == action
    assert not Contact.objects.exists()
    assert not Message.objects.exists()


def test_check_of_a_blocked_contact_refuses(api: APIClient, organization: Organization, bot: Bot) -> None:
    factories.contact(organization, phone="+1234567890", status="blocked")

    shown = api.post("/messages/check", {"bot_id": bot.pk, "to": "1234567890"}, format="json").json()

    assert (shown["action"], shown["reason"]) == ("refuse", "contact_blocked")


def test_check_of_a_foreign_bot_is_refused(api: APIClient, other_organization: Organization) -> None:
    body = {"bot_id": factories.bot(other_organization).pk, "to": "1234567890"}

    response = api.post("/messages/check", body, format="json")

    assert (response.status_code, list(response.json()["errors"])) == (400, ["bot_id"])


def _queue(conversation: Conversation, text: str) -> Message:
    return messages.queue(
        conversation=conversation, type="text", content={"text": text}, origin_kind="flow", origin_id=7
    )


def test_history_shows_the_newest_first_by_cursor(api: APIClient, bot: Bot, channel: Channel) -> None:
    conversation = _open_conversation(channel)
    sent = [_queue(conversation, str(number)) for number in range(3)]

    first = api.get(f"/whatsapp/messages/{bot.pk}?limit=2").json()
    second = api.get(first["next"]).json()

    assert sorted(first) == ["next", "previous", "results"]
    shown = [message["id"] for message in first["results"] + second["results"]]
    assert shown == [message.pk for message in reversed(sent)]
    assert second["next"] is None


def test_history_shows_all_of_a_message(api: APIClient, bot: Bot, channel: Channel) -> None:
    conversation = _open_conversation(channel)
    message = _queue(conversation, "Hi")

    (shown,) = api.get(f"/whatsapp/messages/{bot.pk}/").json()["results"]

    assert shown.pop("created_at")
    assert shown == {
        "id": message.pk,
        "uuid": str(message.uuid),
        "direction": "outbound",
        "status": "queued",
        "type": "text",
        "text": "Hi",
        "content": {"text": "Hi"},
        "contact": {"id": conversation.contact_id, "phone": "+1234567890", "name": ""},
        "conversation": conversation.pk,
        "external_id": "",
        "reason": "",
        "reason_detail": "",
        "origin_kind": "flow",
        "origin_id": 7,
        "sent_at": None,
        "delivered_at": None,
        "read_at": None,
    }


def test_history_costs_the_same_for_many(
    api: APIClient, bot: Bot, channel: Channel, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(8):
        _queue(_open_conversation(channel, phone=f"+155501{number:05d}"), "Hi")
    api.get("/bots/")  # notes the key's use

    with django_assert_num_queries(3):  # key, bot, messages
        shown = api.get(f"/whatsapp/messages/{bot.pk}").json()

    assert len(shown["results"]) == 8


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("direction=outbound", 2),
        ("direction=inbound", 0),
        ("status=queued", 1),
        ("status=queued&status=refused", 2),
        ("phone=123-456-7890", 1),
        ("contact=999999", 0),
        ("created_after=2000-01-01T00:00:00Z", 2),
        ("created_before=2000-01-01T00:00:00Z", 0),
        ("search=second", 1),
    ],
)
def test_history_can_be_narrowed(api: APIClient, bot: Bot, channel: Channel, query: str, count: int) -> None:
    _queue(_open_conversation(channel), "first")
    _queue(factories.conversation(channel, factories.contact(bot.organization)), "second")

    assert len(api.get(f"/whatsapp/messages/{bot.pk}?{query}").json()["results"]) == count


@pytest.mark.parametrize("query", ["direction=up", "status=gone", "contact=x", "created_after=x", "cursor=x"])
def test_history_filter_that_makes_no_sense_is_refused(api: APIClient, bot: Bot, query: str) -> None:
    assert api.get(f"/whatsapp/messages/{bot.pk}?{query}").status_code in (400, 404)


def test_history_of_an_erased_person_has_no_words(api: APIClient, bot: Bot, channel: Channel) -> None:
    conversation = _open_conversation(channel)
    _queue(conversation, "Hi")
    contacts.erase(conversation.contact)

    (shown,) = api.get(f"/whatsapp/messages/{bot.pk}").json()["results"]

    assert (shown["text"], shown["content"]) == ("", {})
    assert shown["contact"] == {"id": conversation.contact_id, "phone": None, "name": ""}


def test_history_of_a_foreign_bot_is_not_found(api: APIClient, other_organization: Organization) -> None:
    bot = factories.bot(other_organization)

    response = api.get(f"/whatsapp/messages/{bot.pk}")

    assert (response.status_code, response.json()["code"]) == (404, "not_found")
