"""The simulated phone: the same door, the same pipeline, a person who can't be real."""

import pytest

from chatboost.core import clock
from chatboost.core.models import WorkItem
from chatboost.messaging.models import (
    Channel,
    ChannelKind,
    Contact,
    Conversation,
    Direction,
    Message,
    MessageStatus,
    WebhookReceipt,
)
from chatboost.messaging.services import simulator
from teams.models import Organization
from tests import factories
from tests.messaging.listening import listening
from tests.messaging.pipeline import NOW, deliver, queue, text, work

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel(organization: Organization) -> Channel:
    return simulator_of(organization)


def simulator_of(organization: Organization) -> Channel:
    return factories.channel(factories.bot(organization), kind=ChannelKind.SIMULATOR, external_id="")


def type_in(channel: Channel, words: str, operator_key: str = "u1", reply_id: str = "") -> str:
    with clock.frozen(NOW):
        external_id = simulator.receive(
            channel=channel, operator_key=operator_key, text=words, reply_id=reply_id
        )
    work()
    return external_id


def test_receive_makes_an_inbound_message_by_the_same_door(channel: Channel) -> None:
    external_id = type_in(channel, "Hello")

    message = Message.objects.get()
    assert (message.external_id, message.text, message.type) == (external_id, "Hello", "text")
    assert (message.direction, message.channel) == (Direction.INBOUND, channel)
    assert WebhookReceipt.objects.get().key == f"m:{external_id}"
    assert not WorkItem.objects.exists()


def test_receive_opens_the_window(channel: Channel) -> None:
    type_in(channel, "Hello")

    assert (
        queue(Conversation.objects.select_related("contact", "channel").get()).status == MessageStatus.QUEUED
    )


def test_receive_a_tap_carries_the_buttons_id(channel: Channel) -> None:
    type_in(channel, "Yes, please", reply_id="confirm")

    message = Message.objects.get()
    assert (message.type, message.text) == ("button_reply", "Yes, please")
    assert message.content["id"] == "confirm"


def test_receive_from_two_operators_is_two_people(channel: Channel) -> None:
    type_in(channel, "One", operator_key="u1")
    type_in(channel, "Two", operator_key="u2")
    type_in(channel, "Three", operator_key="u1")

    first, second = (simulator.conversation_of(channel, key) for key in ("u1", "u2"))
    assert first
    assert second
    assert [
        list(each.messages.order_by("id").values_list("text", flat=True)) for each in (first, second)
    ] == [
        ["One", "Three"],
        ["Two"],
    ]


def test_receive_never_gives_the_person_a_phone_number(channel: Channel) -> None:
    type_in(channel, "Hello")

    contact = Contact.objects.get()
    assert contact.phone is None
    assert contact.external_user_id == simulator.user_id(channel, "u1")


def test_receive_announces_the_person_as_simulated(channel: Channel) -> None:
    with listening("contact_created") as heard:
        type_in(channel, "Hello")

    assert [payload["source"] for payload in heard] == ["simulator"]


def test_conversation_of_an_operator_who_said_nothing_is_none(channel: Channel) -> None:
    type_in(channel, "Hello", operator_key="u1")

    assert simulator.conversation_of(channel, "u2") is None


def test_conversation_of_another_organizations_simulator_is_none(
    channel: Channel, other_organization: Organization
) -> None:
    type_in(channel, "Hello")

    assert simulator.conversation_of(simulator_of(other_organization), "u1") is None


def test_reply_is_accepted_with_an_id_that_tells_where_it_went(channel: Channel) -> None:
    type_in(channel, "Hello")
    reply = queue(Conversation.objects.select_related("contact", "channel").get())
    work()

    reply.refresh_from_db()
    assert reply.status == MessageStatus.SENT
    assert reply.external_id.startswith("simulator.")


def test_reset_forgets_this_operators_talk_only(channel: Channel) -> None:
    type_in(channel, "Mine", operator_key="u1")
    type_in(channel, "Yours", operator_key="u2")

    simulator.reset(channel, "u1")

    assert list(Message.objects.values_list("text", flat=True)) == ["Yours"]
    assert simulator.conversation_of(channel, "u1") is None


def test_reset_then_talk_begins_anew(channel: Channel) -> None:
    type_in(channel, "Before")
    simulator.reset(channel, "u1")
    type_in(channel, "After")

    assert list(Message.objects.values_list("text", flat=True)) == ["After"]


def test_whatsapp_door_knows_no_simulator(channel: Channel) -> None:
    channel.external_id = f"simulator-{channel.pk}"

    accepted = deliver(channel, messages=[text()])

    assert (accepted.parts, WebhookReceipt.objects.count()) == (0, 0)
