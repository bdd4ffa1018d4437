"""What the vendor says happened: an append-only ledger, and messages that never go backwards."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chatboost.core import clock
from chatboost.core.models import WorkItem, WorkState
from chatboost.messaging.models import (
    STATUS_RANK,
    AttemptState,
    Channel,
    Conversation,
    DeliveryStatus,
    Direction,
    Message,
    MessageStatus,
    SendAttempt,
    WebhookReceipt,
)
from chatboost.messaging.services import receipts
from chatboost.messaging.work import statuses
from teams.models import Organization
from tests import factories
from tests.messaging.pipeline import NOW, deliver, queue, seconds, status, work

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel(organization: Organization) -> Channel:
    return factories.channel(factories.bot(organization))


@pytest.fixture
def foreign(other_organization: Organization) -> Channel:
    return factories.channel(factories.bot(other_organization))


def conversation_on(channel: Channel) -> Conversation:
    contact = factories.contact(channel.organization)
    return factories.conversation(channel, contact, window_expires_at=NOW + timedelta(days=1))


def sent_on(channel: Channel) -> Message:
    """A message that went through the sandbox."""
    message = queue(conversation_on(channel))
    work()
    message.refresh_from_db()
    assert message.status == MessageStatus.SENT
    return message


def many_sent_on(channel: Channel, count: int) -> list[Message]:
    """Sent messages of one conversation, made at once."""
    conversation = conversation_on(channel)
    return Message.objects.bulk_create(
        Message(
            organization_id=channel.organization_id,
            bot_id=channel.bot_id,
            channel=channel,
            conversation=conversation,
            contact_id=conversation.contact_id,
            direction=Direction.OUTBOUND,
            status=MessageStatus.SENT,
            external_id=f"wamid.out.{number}",
            origin_kind="api",
            created_at=NOW,
            sent_at=NOW + seconds(2.5),
            changed_at=NOW,
        )
        for number in range(count)
    )


def report(channel: Channel, *updates: dict[str, Any], at: Any = NOW) -> None:
    """Deliver statuses and do the work."""
    deliver(channel, at=at, statuses=updates)
    work(at)


def reread(message: Message) -> Message:
    return Message.objects.get(pk=message.pk)


# One status


@pytest.mark.parametrize(
    ("word", "expected", "times"),
    [
        ("sent", MessageStatus.SENT, ["sent_at"]),
        ("delivered", MessageStatus.DELIVERED, ["sent_at", "delivered_at"]),
        ("read", MessageStatus.READ, ["sent_at", "delivered_at", "read_at"]),
        ("played", MessageStatus.READ, ["sent_at", "delivered_at", "read_at"]),
    ],
)
def test_status_moves_the_message_and_implies_the_steps_before(
    channel: Channel, word: str, expected: str, times: list[str]
) -> None:
    message = sent_on(channel)

    report(channel, status(message.external_id, word, at=NOW + seconds(5)), at=NOW + seconds(6))

    message = reread(message)
    assert message.status == expected
    assert [name for name in ("sent_at", "delivered_at", "read_at") if getattr(message, name)] == times
    assert message.changed_at == (NOW if word == "sent" else NOW + seconds(6))


def test_failed_shows_the_vendors_reason(channel: Channel) -> None:
    message = sent_on(channel)

    report(channel, status(message.external_id, "failed", code=131026))

    message = reread(message)
    assert (message.status, message.reason) == (MessageStatus.FAILED, "131026")
    assert message.reason_detail == "The script asked for it."


def test_failed_without_a_code_has_a_reason_too(channel: Channel) -> None:
    message = sent_on(channel)

    report(channel, status(message.external_id, "failed"))

    assert (reread(message).status, reread(message).reason) == (MessageStatus.FAILED, "failed")


@pytest.mark.parametrize("word", ["deleted", "warning", "teleported"])
def test_word_without_a_meaning_for_us_is_kept_and_moves_nothing(channel: Channel, word: str) -> None:
    message = sent_on(channel)

    report(channel, status(message.external_id, word), at=NOW + seconds(9))

    row = DeliveryStatus.objects.get()
    assert row.message == message
    assert (reread(message).status, reread(message).changed_at) == (MessageStatus.SENT, NOW)


def test_status_is_written_to_the_ledger_with_its_times(channel: Channel) -> None:
    message = sent_on(channel)

    report(channel, status(message.external_id, "delivered", at=NOW + seconds(3)), at=NOW + seconds(8))

    row = DeliveryStatus.objects.get()
    assert (row.status, row.occurred_at, row.received_at) == ("delivered", NOW + seconds(3), NOW + seconds(8))
    assert (row.message, row.channel, row.organization) == (message, channel, channel.organization)


def test_vendors_whole_seconds_put_no_time_before_the_message_was_written(channel: Channel) -> None:
    message = queue(conversation_on(channel), at=NOW + seconds(0.7))
    work(NOW + seconds(0.9))

    report(channel, status(reread(message).external_id, "delivered", at=NOW), at=NOW + seconds(2))

    assert reread(message).delivered_at == message.created_at
    assert DeliveryStatus.objects.get().occurred_at == NOW


def test_status_that_can_not_be_read_is_passed_over(channel: Channel) -> None:
    message = sent_on(channel)
    deliver(channel, statuses=[status(message.external_id, "read")])
    WebhookReceipt.objects.update(payload={"status": {}})
    work()

    assert (reread(message).status, WorkItem.objects.count()) == (MessageStatus.SENT, 0)


def test_copies_of_a_status_are_one_row(channel: Channel) -> None:
    message = sent_on(channel)
    for _ in range(3):
        report(channel, status(message.external_id, "delivered"))
    WebhookReceipt.objects.all().delete()
    report(channel, status(message.external_id, "delivered"))

    assert DeliveryStatus.objects.count() == 1


def test_status_never_touches_an_inbound_message(channel: Channel) -> None:
    inbound = many_sent_on(channel, 1)[0]
    Message.objects.update(direction=Direction.INBOUND, status=MessageStatus.RECEIVED)

    report(channel, status(inbound.external_id, "read"))

    assert reread(inbound).status == MessageStatus.RECEIVED


# Any order

STEPS = [("sent", 1), ("delivered", 2), ("read", 3), ("failed", 4), ("delivered", 2)]
ORDERS = list(permutations(STEPS))


def step(message: Message, word: str, second: int) -> dict[str, Any]:
    code = 131026 if word == "failed" else None
    return status(message.external_id, word, at=NOW + seconds(second), code=code)


def shown(message: Message) -> tuple[object, ...]:
    return (
        message.status,
        message.reason,
        message.reason_detail,
        message.sent_at,
        message.delivered_at,
        message.read_at,
    )


READ_IN_THE_END = (
    MessageStatus.READ,
    "",
    "",
    NOW + seconds(1),
    NOW + seconds(2),
    NOW + seconds(3),
)


def test_all_orders_end_in_one_state_and_never_go_backwards(channel: Channel) -> None:
    rows = many_sent_on(channel, len(ORDERS))
    ranks = [STATUS_RANK[MessageStatus.SENT]] * len(ORDERS)
    for position in range(len(STEPS)):
        report(channel, *[step(row, *order[position]) for row, order in zip(rows, ORDERS, strict=True)])
        now_shown = Message.objects.order_by("id").values_list("status", flat=True)
        now_ranks = [STATUS_RANK[MessageStatus(word)] for word in now_shown]
        assert all(after >= before for before, after in zip(ranks, now_ranks, strict=True))
        ranks = now_ranks

    assert {shown(message) for message in Message.objects.all()} == {READ_IN_THE_END}
    assert DeliveryStatus.objects.count() == 4 * len(ORDERS)
    assert not DeliveryStatus.objects.filter(message=None).exists()


def test_all_orders_within_one_batch_end_in_the_same_state(channel: Channel) -> None:
    rows = many_sent_on(channel, len(ORDERS))
    for row, order in zip(rows, ORDERS, strict=True):
        deliver(channel, statuses=[step(row, *each) for each in order])
    work()

    assert {shown(message) for message in Message.objects.all()} == {READ_IN_THE_END}


@pytest.mark.parametrize("order", list(permutations([("sent", 1), ("failed", 4)])))
def test_failed_wins_over_sent_in_any_order(channel: Channel, order: Sequence[tuple[str, int]]) -> None:
    message = many_sent_on(channel, 1)[0]
    for each in order:
        report(channel, step(message, *each))

    assert (reread(message).status, reread(message).reason) == (MessageStatus.FAILED, "131026")


def test_refused_message_stays_refused(channel: Channel) -> None:
    message = many_sent_on(channel, 1)[0]
    Message.objects.update(status=MessageStatus.REFUSED, reason="window_closed")

    report(channel, status(message.external_id, "read"))

    assert (reread(message).status, reread(message).reason) == (MessageStatus.REFUSED, "window_closed")


# Trackers


def under_way(channel: Channel) -> tuple[Message, SendAttempt]:
    """A message whose call is out: nobody knows the vendor's id yet."""
    message = queue(conversation_on(channel))
    Message.objects.filter(pk=message.pk).update(status=MessageStatus.SENDING)
    attempt = SendAttempt.objects.create(
        organization=channel.organization, message=message, number=1, started_at=NOW
    )
    return reread(message), attempt


def test_echo_of_a_tracker_gives_the_message_its_vendor_id(channel: Channel) -> None:
    message, attempt = under_way(channel)

    report_without_sending(channel, status("wamid.NEW", "sent", tracker=attempt.tracker))

    message = reread(message)
    attempt.refresh_from_db()
    assert (message.status, message.external_id) == (MessageStatus.SENT, "wamid.NEW")
    assert (attempt.state, attempt.external_id, attempt.finished_at) == (
        AttemptState.ACCEPTED,
        "wamid.NEW",
        NOW,
    )


def report_without_sending(channel: Channel, *updates: dict[str, Any], at: Any = NOW) -> None:
    deliver(channel, at=at, statuses=updates)
    work(at, kinds=[receipts.STATUS_KIND, statuses.JOIN_KIND])


def test_failed_echo_of_an_unclear_send_shows_why(channel: Channel) -> None:
    message, attempt = under_way(channel)

    failed = status("wamid.NEW", "failed", tracker=attempt.tracker, code=131026)
    report_without_sending(channel, failed)

    assert (reread(message).status, reread(message).reason) == (MessageStatus.FAILED, "131026")


@pytest.mark.parametrize("tracker", ["not-a-uuid", "00000000-0000-4000-8000-000000000000", "", "0" * 600])
def test_tracker_that_is_not_ours_joins_nothing(channel: Channel, tracker: str) -> None:
    message, _ = under_way(channel)

    report_without_sending(channel, status("wamid.NEW", "read", tracker=tracker))

    assert reread(message).status == MessageStatus.SENDING
    assert DeliveryStatus.objects.get().message is None


def test_tracker_of_another_channels_send_is_ignored(channel: Channel, foreign: Channel) -> None:
    message, attempt = under_way(channel)

    report_without_sending(foreign, status("wamid.NEW", "read", tracker=attempt.tracker))

    attempt.refresh_from_db()
    assert (reread(message).status, reread(message).external_id) == (MessageStatus.SENDING, "")
    assert attempt.state == AttemptState.SENDING
    assert DeliveryStatus.objects.get().message is None


def test_tracker_of_another_channels_send_is_ignored_in_a_batch_with_that_channel(
    channel: Channel, foreign: Channel
) -> None:
    message, attempt = under_way(channel)
    deliver(channel, statuses=[status("wamid.OTHER", "sent")])
    report_without_sending(foreign, status("wamid.NEW", "read", tracker=attempt.tracker))

    assert (reread(message).status, reread(message).external_id) == (MessageStatus.SENDING, "")


def test_tracker_of_another_channels_send_beside_an_own_id_settles_nothing_there(
    channel: Channel, foreign: Channel
) -> None:
    message, attempt = under_way(channel)
    own = many_sent_on(foreign, 1)[0]

    report_without_sending(foreign, status(own.external_id, "read", tracker=attempt.tracker))

    attempt.refresh_from_db()
    assert reread(own).status == MessageStatus.READ
    assert (attempt.state, reread(message).status) == (AttemptState.SENDING, MessageStatus.SENDING)


def test_vendor_id_of_another_channels_message_is_ignored(channel: Channel, foreign: Channel) -> None:
    message = sent_on(channel)

    report(foreign, status(message.external_id, "read"))

    assert reread(message).status == MessageStatus.SENT


# Statuses ahead of our own commit


def test_status_without_a_message_is_kept_and_looked_at_again_later(channel: Channel) -> None:
    report(channel, status("wamid.EARLY", "delivered"))

    orphan = DeliveryStatus.objects.get()
    item = WorkItem.objects.get()
    assert orphan.message is None
    assert (item.kind, item.subject_id, item.state) == (statuses.JOIN_KIND, orphan.pk, WorkState.SCHEDULED)
    assert item.run_at == NOW + statuses.JOIN_DELAY


def test_status_that_came_first_is_joined_when_the_id_is_known(channel: Channel) -> None:
    report(channel, status("wamid.out.0", "delivered", at=NOW + seconds(1)), at=NOW + seconds(1))
    message = many_sent_on(channel, 1)[0]
    work(NOW + seconds(10))
    assert reread(message).status == MessageStatus.SENT

    work(NOW + seconds(11))

    assert reread(message).status == MessageStatus.DELIVERED
    assert DeliveryStatus.objects.get().message == message
    assert not WorkItem.objects.exists()


def test_status_of_somebody_elses_send_stays_without_a_message(channel: Channel) -> None:
    report(channel, status("wamid.FOREIGN", "read"))
    work(NOW + timedelta(minutes=1))

    assert DeliveryStatus.objects.get().message is None
    assert not WorkItem.objects.exists()


def test_orphan_is_never_joined_to_another_channels_message(channel: Channel, foreign: Channel) -> None:
    report(foreign, status("wamid.out.0", "read"))
    message = many_sent_on(channel, 1)[0]
    work(NOW + timedelta(minutes=1))

    assert reread(message).status == MessageStatus.SENT


# Few queries


def test_ten_statuses_cost_no_more_queries_than_two(channel: Channel) -> None:
    rows = many_sent_on(channel, 12)

    def queries(messages: Sequence[Message]) -> int:
        deliver(channel, statuses=[status(message.external_id, "read") for message in messages])
        with CaptureQueriesContext(connection) as captured, clock.frozen(NOW):
            work(kinds=[receipts.STATUS_KIND])
        return len(captured)

    few, many = queries(rows[:2]), queries(rows[2:])

    assert many <= few
    assert set(Message.objects.values_list("status", flat=True)) == {MessageStatus.READ}
