"""Messages that came in: who wrote, when the window closes, who answers; once, in order, in few queries."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chatboost.core import clock
from chatboost.core.models import WorkItem, WorkState
from chatboost.messaging import handlers
from chatboost.messaging.handlers import Batch, Inbound, Slot
from chatboost.messaging.models import (
    Channel,
    Contact,
    ContactStatus,
    Conversation,
    Direction,
    Message,
    MessageStatus,
    OriginKind,
    WebhookReceipt,
)
from chatboost.messaging.services import channels, conversations, messages, receipts
from teams.models import Organization
from tests import factories
from tests.fakes import whatsapp_webhooks as bodies
from tests.messaging.listening import listening
from tests.messaging.pipeline import NOW, PHONE, USER_ID, deliver, receive, stamp, text, work

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def channel(organization: Organization) -> Channel:
    return factories.channel(factories.bot(organization))


@pytest.fixture
def foreign(other_organization: Organization) -> Channel:
    return factories.channel(factories.bot(other_organization))


class Answers:
    """A part that answers every message with "echo …"; what was heard is in `heard`."""

    heard: list[str] = []
    poison: str = ""

    def __init__(self, batch: Batch) -> None:
        self._drafts: list[messages.Draft] = []

    def answer(self, inbound: Inbound) -> bool:
        if inbound.message.text == self.poison:
            raise RuntimeError("the handler broke")
        self.heard.append(inbound.message.text)
        self._drafts.append(
            messages.Draft(
                conversation=inbound.conversation,
                type="text",
                content={"text": f"echo {inbound.message.text}"},
                origin_kind=OriginKind.FLOW,
            )
        )
        return True

    def flush(self) -> None:
        messages.queue_many(self._drafts)


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """Answer every message that no product handler takes; the list holds what was heard."""
    before = list(handlers._handlers)
    Answers.heard, Answers.poison = [], "\x00"
    handlers.register(Slot.CATCH_ALL, "answers", lambda inbound, batch: batch.part(Answers).answer(inbound))
    yield Answers.heard
    handlers._handlers[:] = before


def named(name: str, sender: str = PHONE) -> list[dict[str, Any]]:
    return [bodies.contact(sender=sender, name=name)]


# Who wrote


def test_first_message_makes_contact_conversation_and_message(channel: Channel) -> None:
    receive(channel, text("Hello 👋", id="wamid.A", context={"id": "wamid.B"}))

    contact, conversation, message = Contact.objects.get(), Conversation.objects.get(), Message.objects.get()
    assert (contact.phone, contact.organization) == (f"+{PHONE}", channel.organization)
    assert (conversation.contact, conversation.channel, conversation.bot) == (contact, channel, channel.bot)
    assert (message.direction, message.status) == (Direction.INBOUND, MessageStatus.RECEIVED)
    assert (message.text, message.type, message.origin_kind) == ("Hello 👋", "text", OriginKind.CONTACT)
    assert (message.external_id, message.reply_to_external_id) == ("wamid.A", "wamid.B")
    assert (message.conversation, message.contact) == (conversation, contact)
    assert not WorkItem.objects.exists()


@pytest.mark.parametrize(
    ("profile", "first", "last"),
    [
        ("Ada Lovelace", "Ada", "Lovelace"),
        ("Ada", "Ada", ""),
        (" Ada King  Lovelace ", "Ada", "King  Lovelace"),
        ("x" * 250, "x" * 100, ""),
        ("عائشہ خان", "عائشہ", "خان"),
    ],
)
def test_new_contact_is_named_after_the_profile(
    channel: Channel, profile: str, first: str, last: str
) -> None:
    receive(channel, text(), contacts=named(profile))

    contact = Contact.objects.get()
    assert (contact.first_name, contact.last_name) == (first, last)


def test_new_contact_without_a_profile_has_no_name(channel: Channel) -> None:
    receive(channel, text())

    assert Contact.objects.get().full_name == ""


def test_known_contact_is_found_by_phone_and_keeps_the_name(channel: Channel) -> None:
    known = factories.contact(channel.organization, phone=f"+{PHONE}", first_name="Countess")

    receive(channel, text(), contacts=named("Ada Lovelace"))

    assert Message.objects.get().contact == known
    known.refresh_from_db()
    assert known.full_name == "Countess"


def test_contact_without_a_phone_is_known_by_the_vendors_user_id(channel: Channel) -> None:
    receive(channel, text("1", sender=USER_ID))
    receive(channel, {**text("2"), "from": None, "from_user_id": USER_ID})

    contact = Contact.objects.get()
    assert (contact.phone, contact.external_user_id) == (None, USER_ID)
    assert contact.messages.count() == 2


def test_contact_known_by_phone_is_found_again_when_the_phone_is_hidden(channel: Channel) -> None:
    receive(channel, text("phone only"))
    receive(channel, text("both", from_user_id=USER_ID))
    receive(channel, text("user id only", sender=USER_ID))

    contact = Contact.objects.get()
    assert (contact.phone, contact.external_user_id) == (f"+{PHONE}", USER_ID)
    assert contact.messages.count() == 3


def test_contact_known_by_user_id_learns_the_phone(channel: Channel) -> None:
    receive(channel, text(sender=USER_ID))
    receive(channel, text(from_user_id=USER_ID))

    assert Contact.objects.get().phone == f"+{PHONE}"


def test_addresses_of_two_people_are_never_merged(channel: Channel) -> None:
    by_phone = factories.contact(channel.organization, phone=f"+{PHONE}")
    by_id = factories.contact(channel.organization, phone=None, external_user_id=USER_ID)

    receive(channel, text(from_user_id=USER_ID))

    assert Message.objects.get().contact == by_id
    by_id.refresh_from_db()
    by_phone.refresh_from_db()
    assert (by_id.phone, by_phone.external_user_id) == (None, None)


def test_phone_that_comes_with_another_user_id_keeps_the_first(channel: Channel) -> None:
    receive(channel, text(from_user_id=USER_ID))
    receive(channel, text(from_user_id="US.2"))

    assert Contact.objects.get().external_user_id == USER_ID


def test_phone_and_user_id_of_one_person_in_one_batch_are_one_contact(channel: Channel) -> None:
    receive(channel, text("1"), text("2", from_user_id=USER_ID), text("3", sender=USER_ID))

    assert Contact.objects.count() == Conversation.objects.count() == 1
    assert Message.objects.count() == 3


def test_same_person_is_a_contact_of_each_organization(channel: Channel, foreign: Channel) -> None:
    deliver(channel, messages=[text()])
    deliver(foreign, messages=[text()])
    work()

    assert set(Contact.objects.values_list("organization_id", "phone")) == {
        (channel.organization_id, f"+{PHONE}"),
        (foreign.organization_id, f"+{PHONE}"),
    }
    for message in Message.objects.select_related("contact", "conversation__channel"):
        assert message.contact.organization_id == message.conversation.channel.organization_id


def test_same_person_on_two_channels_is_one_contact_in_two_conversations(channel: Channel) -> None:
    second = factories.channel(channel.bot)
    deliver(channel, messages=[text()])
    deliver(second, messages=[text()])
    work()

    assert Contact.objects.count() == 1
    assert set(Conversation.objects.values_list("channel_id", flat=True)) == {channel.pk, second.pk}


def test_new_contact_is_announced_once(channel: Channel) -> None:
    with listening("contact_created") as payloads:
        receive(channel, text(sender="15550001111"), text(sender="15550002222"))
        receive(channel, text(sender="15550001111"))

    ids = set(Contact.objects.values_list("id", flat=True))
    assert sorted(payload["contact_id"] for payload in payloads) == sorted(ids)
    assert {payload["source"] for payload in payloads} == {"whatsapp"}


def test_message_of_a_group_is_no_conversation(channel: Channel) -> None:
    receive(channel, text(group_id="group.1"))

    assert (Contact.objects.count(), Message.objects.count()) == (0, 0)
    assert WebhookReceipt.objects.count() == 1
    assert not WorkItem.objects.exists()


def test_receipt_that_was_emptied_before_its_turn_is_passed_over(channel: Channel) -> None:
    deliver(channel, messages=[text()])
    WebhookReceipt.objects.update(payload={})
    work()

    assert (Message.objects.count(), WorkItem.objects.count()) == (0, 0)


# The window


def window() -> datetime | None:
    return Conversation.objects.get().window_expires_at


def test_window_is_open_for_a_day_after_the_message_was_written(channel: Channel) -> None:
    receive(channel, text(at=NOW - HOUR))

    conversation = Conversation.objects.get()
    assert conversation.window_expires_at == NOW - HOUR + DAY
    assert (conversation.last_inbound_at, conversation.last_message_at) == (NOW - HOUR, NOW)


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1), (1, 3, 2)])
@pytest.mark.parametrize("is_one_delivery", [True, False])
def test_window_only_moves_forward(channel: Channel, order: tuple[int, ...], is_one_delivery: bool) -> None:
    written = [text(at=NOW - 5 * HOUR + hours * HOUR) for hours in order]
    if is_one_delivery:
        receive(channel, *written)
    else:
        for message in written:
            receive(channel, message)

    assert window() == NOW - 2 * HOUR + DAY


def test_old_message_delivered_late_opens_no_window(channel: Channel) -> None:
    receive(channel, text(at=NOW - 3 * DAY))

    conversation = Conversation.objects.select_related("contact", "channel").get()
    assert conversation.window_expires_at == NOW - 2 * DAY
    assert not messages.preview(conversation, "text", now=NOW).is_allowed


def test_old_message_delivered_late_closes_no_window(channel: Channel) -> None:
    receive(channel, text(at=NOW))
    receive(channel, text(at=NOW - 3 * DAY))

    assert window() == NOW + DAY


@pytest.mark.parametrize("timestamp", [str(stamp(NOW + 30 * DAY)), None, "soon", "-5"])
def test_time_that_can_not_be_is_the_time_of_the_delivery(channel: Channel, timestamp: str | None) -> None:
    receive(channel, text(timestamp=timestamp))

    assert window() == NOW + DAY


def test_window_of_another_number_does_not_come_back(channel: Channel) -> None:
    receive(channel, text(at=NOW - HOUR))
    moved = channels.update(channel, phone_number_id="100200300")
    receive(moved, text(at=NOW - 5 * HOUR))

    assert window() == NOW - 5 * HOUR + DAY


@pytest.mark.parametrize(
    "notice",
    [
        {"type": "system", "system": {"type": "user_changed_number", "body": "Changed"}},
        {"type": "revoke", "revoke": {"original_message_id": "wamid.0"}},
    ],
)
def test_notice_about_a_person_opens_no_window(channel: Channel, notice: dict[str, Any]) -> None:
    receive(channel, text(**notice))

    conversation = Conversation.objects.get()
    assert (conversation.window_expires_at, conversation.last_inbound_at) == (None, None)
    assert conversation.last_message_at == NOW


# Who answers


def test_message_is_answered_in_the_transaction_that_stores_it(channel: Channel, heard: list[str]) -> None:
    deliver(channel, messages=[text("Hi")])
    work(kinds=[receipts.INBOUND_KIND])

    reply = Message.objects.get(direction=Direction.OUTBOUND)
    assert (reply.text, reply.status) == ("echo Hi", MessageStatus.QUEUED)
    assert list(WorkItem.objects.values_list("kind", "subject_id")) == [(messages.SEND_KIND, reply.pk)]


def test_message_of_a_blocked_contact_is_kept_and_not_answered(channel: Channel, heard: list[str]) -> None:
    factories.contact(channel.organization, phone=f"+{PHONE}", status=ContactStatus.BLOCKED)
    receive(channel, text())

    assert (Message.objects.count(), heard) == (1, [])


def test_message_to_an_inactive_bot_is_kept_and_not_answered(channel: Channel, heard: list[str]) -> None:
    channel.bot.is_active = False
    channel.bot.save()
    receive(channel, text())

    assert (Message.objects.count(), heard) == (1, [])


def test_message_while_a_person_has_taken_over_is_kept_and_not_answered(
    channel: Channel, heard: list[str]
) -> None:
    receive(channel, text("before"))
    conversations.pause_bot(Conversation.objects.get())
    receive(channel, text("during"))
    conversations.resume_bot(Conversation.objects.get())
    receive(channel, text("after"))

    assert heard == ["before", "after"]
    assert Message.objects.filter(direction=Direction.INBOUND).count() == 3


SILENT = {
    "reaction": {"type": "reaction", "reaction": {"message_id": "wamid.0", "emoji": "👍"}},
    "reaction taken back": {"type": "reaction", "reaction": {"message_id": "wamid.0", "emoji": ""}},
    "system": {"type": "system", "system": {"type": "user_changed_number", "body": "Changed"}},
    "revoke": {"type": "revoke", "revoke": {"original_message_id": "wamid.0"}},
    "edit": {
        "type": "edit",
        "edit": {"original_message_id": "wamid.0", "message": {"type": "text", "text": {"body": "Hi"}}},
    },
    "unsupported": {"type": "unsupported", "errors": [{"code": 131051, "title": "Unsupported"}]},
    "unknown word": {"type": "hologram", "hologram": {}},
}


@pytest.mark.parametrize("name", SILENT)
def test_what_happens_to_a_message_is_kept_and_not_answered(
    channel: Channel, heard: list[str], name: str
) -> None:
    receive(channel, text(**SILENT[name]))

    assert (Message.objects.count(), heard) == (1, [])


def test_late_answer_outside_the_window_is_refused_with_its_reason(
    channel: Channel, heard: list[str]
) -> None:
    deliver(channel, messages=[text(at=NOW - 2 * DAY)])
    work()

    reply = Message.objects.get(direction=Direction.OUTBOUND)
    assert (reply.status, reply.reason) == (MessageStatus.REFUSED, "window_closed")


# Once and in order


def test_copies_in_any_order_have_one_effect(channel: Channel, heard: list[str]) -> None:
    originals = [text(f"{number}", sender=f"1555000{number % 7:04d}") for number in range(30)]
    copies = originals * 3
    random.Random(5).shuffle(copies)
    for start in range(0, len(copies), 9):
        deliver(channel, messages=copies[start : start + 9])
        work()

    assert sorted(heard, key=int) == [f"{number}" for number in range(30)]
    assert Message.objects.filter(direction=Direction.INBOUND).count() == 30
    assert Message.objects.filter(direction=Direction.OUTBOUND).count() == 30


def test_copy_that_comes_after_its_receipt_was_removed_has_no_effect(
    channel: Channel, heard: list[str]
) -> None:
    message = text("Hi")
    receive(channel, message)
    WebhookReceipt.objects.all().delete()
    receive(channel, message)

    assert heard == ["Hi"]
    assert not WorkItem.objects.exists()
    assert Message.objects.filter(direction=Direction.INBOUND).count() == 1


def test_same_id_on_another_channel_is_another_message(
    channel: Channel, foreign: Channel, heard: list[str]
) -> None:
    receive(channel, text("a", id="wamid.SAME"))
    receive(foreign, text("b", id="wamid.SAME"))

    assert heard == ["a", "b"]


def test_messages_of_one_person_are_answered_in_the_order_they_came(
    channel: Channel, heard: list[str]
) -> None:
    for number in range(6):
        deliver(channel, messages=[text(f"{number}")], at=NOW + timedelta(milliseconds=number))
    work(NOW + timedelta(seconds=1))

    assert heard == [f"{number}" for number in range(6)]
    sent = Message.objects.filter(direction=Direction.OUTBOUND).order_by("attempts__id")
    assert [message.text for message in sent] == [f"echo {number}" for number in range(6)]


def test_message_whose_handler_fails_costs_its_neighbours_nothing(channel: Channel, heard: list[str]) -> None:
    Answers.poison = "poison"
    receive(
        channel,
        text("good", sender="15550001111"),
        text("poison", sender="15550002222"),
        text("fine", sender="15550003333"),
    )

    replies = Message.objects.filter(direction=Direction.OUTBOUND).values_list("text", flat=True)
    assert set(replies) == {"echo good", "echo fine"}
    item = WorkItem.objects.get()
    assert (item.state, item.error_count) == (WorkState.READY, 1)
    assert not Contact.objects.filter(phone="+15550002222").exists()


def test_message_whose_handler_fails_holds_up_the_same_person(channel: Channel, heard: list[str]) -> None:
    Answers.poison = "1"
    deliver(channel, messages=[text("1"), text("2")])
    work()
    assert heard == []

    Answers.poison = ""
    work(NOW + DAY)
    assert heard == ["1", "2"]


# Few queries


def queries_of_batch(channel: Channel, senders: range) -> int:
    """Deliver one message of each sender; return what the transaction that handles them costs."""
    deliver(channel, messages=[text(sender=f"1555{sender:07d}") for sender in senders])
    with CaptureQueriesContext(connection) as captured, clock.frozen(NOW):
        work(kinds=[receipts.INBOUND_KIND])
    assert Message.objects.filter(direction=Direction.INBOUND).count() >= len(senders)
    return len(captured)


def test_ten_messages_of_new_people_cost_no_more_queries_than_two(channel: Channel, heard: list[str]) -> None:
    few = queries_of_batch(channel, range(2))
    many = queries_of_batch(channel, range(100, 110))

    assert many <= few


def test_ten_messages_of_known_people_cost_no_more_queries_than_two(
    channel: Channel, heard: list[str]
) -> None:
    receive(channel, *[text(sender=f"1555{sender:07d}") for sender in range(12)])

    few = queries_of_batch(channel, range(2))
    many = queries_of_batch(channel, range(2, 12))

    assert many <= few
