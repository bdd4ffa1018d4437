"""Pacing: a number sends no faster than it may, a person gets so many in a row, replies go first."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db import transaction
from pytest_django import Settings

from chatboost.core import clock
from chatboost.core.models import WorkItem
from chatboost.core.work.drain import drain
from chatboost.core.work.kinds import Defer
from chatboost.messaging.models import (
    AttemptState,
    Channel,
    Conversation,
    Message,
    MessageStatus,
    OriginKind,
    SendAttempt,
)
from chatboost.messaging.work import pacing
from teams.models import Organization
from tests import factories
from tests.fakes.faults import Fault, Rule
from tests.fakes.graph import DEFAULT_TOKEN, GraphFake, PhoneNumber
from tests.messaging.pipeline import NOW, queue, seconds, work
from tests.messaging.sends import (
    attempts_of,
    conversation_on,
    prepared,
    real_channel,
    reread,
    running_graph,
    send_kind,
    status_of,
    words_sent,
)

pytestmark = pytest.mark.django_db

OTHER_NUMBER = "100000000000002"
# An intent's slot is free when its call must be over, and a second more.
LOST_FOR = pacing.BEGIN_WITHIN + seconds(1)


@pytest.fixture
def graph(settings: Settings) -> Iterator[GraphFake]:
    with running_graph(settings) as fake:
        fake.set_number(PhoneNumber(id=OTHER_NUMBER))
        yield fake


@pytest.fixture
def channel(organization: Organization) -> Channel:
    return real_channel(organization)


@pytest.fixture
def other_channel(other_organization: Organization) -> Channel:
    return factories.channel(
        factories.bot(other_organization),
        kind="whatsapp",
        external_id=OTHER_NUMBER,
        access_token=DEFAULT_TOKEN,
    )


def allow(channel: Channel, per_second: int) -> None:
    Channel.objects.filter(pk=channel.pk).update(messages_per_second=per_second)


def queue_each(channel: Channel, count: int, **fields: object) -> list[Message]:
    """Queue a message to each of so many people."""
    return [queue(conversation_on(channel), f"to {number}", **fields) for number in range(count)]


def work_campaigns(at: datetime = NOW) -> None:
    with clock.frozen(at):
        drain("campaign")


def waits() -> list[timedelta]:
    return [at - NOW for at in WorkItem.objects.order_by("id").values_list("run_at", flat=True)]


# A number's messages a second


def test_more_than_the_number_may_send_is_put_off_in_order(graph: GraphFake, channel: Channel) -> None:
    allow(channel, 2)
    queue_each(channel, 5)
    work()

    assert sorted(words_sent(graph)) == ["to 0", "to 1"]
    assert waits() == [pacing.LOOK_AGAIN + seconds(number / 2) for number in range(3)]
    work(NOW + pacing.LOOK_AGAIN)
    # Now it is known when the first two are over.
    assert len(graph.ledger) == 2
    assert round(waits()[0].total_seconds(), 1) == 1
    assert set(WorkItem.objects.values_list("error_count", flat=True)) == {0}


def test_what_was_put_off_goes_when_a_second_is_over(graph: GraphFake, channel: Channel) -> None:
    allow(channel, 2)
    sent = queue_each(channel, 5)
    for wait in (0, 0.9, 1, 1.5, 2.5):
        work(NOW + seconds(wait))

    # The first two went side by side.
    assert words_sent(graph)[2:] == ["to 2", "to 3", "to 4"]
    assert {status_of(message) for message in sent} == {(MessageStatus.SENT, "")}
    assert [len(attempts_of(message)) for message in sent] == [1] * 5


def test_newcomers_stand_behind_those_that_wait(graph: GraphFake, channel: Channel) -> None:
    allow(channel, 2)
    queue_each(channel, 4)
    work()
    newcomer = queue(conversation_on(channel))
    work()

    item = WorkItem.objects.get(subject_id=newcomer.pk)
    assert item.run_at == max(WorkItem.objects.values_list("run_at", flat=True))


def test_calls_under_way_count_until_they_are_over(
    graph: GraphFake, channel: Channel, settings: Settings
) -> None:
    allow(channel, 2)
    queue_each(channel, 2)
    with clock.frozen(NOW):
        prepared()
    third = queue(conversation_on(channel))
    work(NOW + seconds(5))
    assert graph.ledger == []

    work(NOW + settings.VENDOR_DEADLINE + LOST_FOR)
    assert [entry["to"] for entry in graph.ledger] == [third.contact.phone]


def test_call_that_took_long_counts_for_a_second_after_it(graph: GraphFake, channel: Channel) -> None:
    allow(channel, 1)
    queue_each(channel, 2)
    with clock.frozen(NOW):
        results = [(item, intent, send_kind().call(intent)) for item, intent in prepared()[:1]]
    with clock.frozen(NOW + seconds(3)), transaction.atomic():
        send_kind().settle(results)

    busy_until = SendAttempt.objects.values_list("busy_until", flat=True).get()
    assert busy_until is not None
    assert seconds(3.5) < busy_until - NOW <= seconds(4)


def test_other_numbers_are_not_held_up(graph: GraphFake, channel: Channel, other_channel: Channel) -> None:
    allow(channel, 1)
    queue_each(channel, 2)
    queue_each(other_channel, 2)
    work()

    numbers = [entry["phone_number_id"] for entry in graph.ledger]
    assert sorted(numbers) == sorted([channel.external_id, OTHER_NUMBER, OTHER_NUMBER])


def test_sandbox_keeps_no_pace(graph: GraphFake, organization: Organization, settings: Settings) -> None:
    settings.SEND_PAIR_BURST = 1
    sandbox = factories.channel(factories.bot(organization), messages_per_second=1)
    conversation = conversation_on(sandbox)
    sent = [queue(conversation) for _ in range(3)]
    work()

    assert {status_of(message) for message in sent} == {(MessageStatus.SENT, "")}


def test_campaign_leaves_room_for_replies(graph: GraphFake, channel: Channel) -> None:
    allow(channel, 10)
    queue_each(channel, 12, origin_kind=OriginKind.CAMPAIGN)
    work_campaigns()
    assert len(graph.ledger) == 9

    replies = queue_each(channel, 2)
    work()
    assert [reread(reply).status for reply in replies] == [MessageStatus.SENT, MessageStatus.QUEUED]


def test_reply_that_waits_goes_before_the_campaign(graph: GraphFake, channel: Channel) -> None:
    allow(channel, 10)
    queue_each(channel, 10)
    queue_each(channel, 3, origin_kind=OriginKind.CAMPAIGN)
    work()
    work_campaigns()

    assert len(graph.ledger) == 10
    assert set(WorkItem.objects.values_list("queue", flat=True)) == {"campaign"}


def test_send_that_found_no_thread_in_time_goes_again(graph: GraphFake, channel: Channel) -> None:
    allow(channel, 1)
    message = queue(conversation_on(channel))
    with clock.frozen(NOW):
        ((item, intent),) = prepared()
        late = replace(intent, begin_by=time.monotonic() - 1)
        with transaction.atomic():
            decisions = send_kind().settle([(item, late, send_kind().call(late))])
    WorkItem.objects.update(state="ready", token=None)

    assert (graph.attempts, decisions[item.id]) == ([], Defer(NOW))
    assert status_of(message) == (MessageStatus.QUEUED, "")
    work()
    assert [attempt.state for attempt in attempts_of(message)] == [
        AttemptState.REJECTED,
        AttemptState.ACCEPTED,
    ]


# The vendor's own word


def test_retry_after_holds_the_whole_number(
    graph: GraphFake, channel: Channel, other_channel: Channel
) -> None:
    graph.play(Rule(fault=Fault.ERROR, status=429, code=130429, retry_after="7", times=1))
    queue(conversation_on(channel))
    work()
    later = queue(conversation_on(channel), at=NOW + seconds(1))
    elsewhere = queue(conversation_on(other_channel), at=NOW + seconds(1))
    work(NOW + seconds(6.9))
    assert [reread(row).status for row in (later, elsewhere)] == [MessageStatus.QUEUED, MessageStatus.SENT]

    work(NOW + seconds(7))
    assert reread(later).status == MessageStatus.SENT


def test_refusal_for_one_person_holds_nobody_else(graph: GraphFake, channel: Channel) -> None:
    graph.play(Rule(fault=Fault.ERROR, code=131056, times=1))
    queue(conversation_on(channel))
    work()
    other = queue(conversation_on(channel))
    work()

    assert reread(other).status == MessageStatus.SENT


# A person's messages in a row


@pytest.fixture
def conversation(channel: Channel, settings: Settings) -> Conversation:
    settings.SEND_PAIR_INTERVAL, settings.SEND_PAIR_BURST = seconds(6), 3
    return conversation_on(channel)


def test_so_many_in_a_row_go_at_once_and_the_next_waits(graph: GraphFake, conversation: Conversation) -> None:
    for number in range(5):
        queue(conversation, f"part {number}")
    work()

    assert words_sent(graph) == ["part 0", "part 1", "part 2"]
    assert waits()[0] == seconds(6)
    work(NOW + seconds(5.9))
    assert len(graph.ledger) == 3
    work(NOW + seconds(6))
    work(NOW + seconds(12))
    assert words_sent(graph) == [f"part {number}" for number in range(5)]


def test_pace_of_a_person_comes_back_with_time(graph: GraphFake, conversation: Conversation) -> None:
    for minutes in (0, 1, 2):
        for _ in range(3):
            queue(conversation, at=NOW + timedelta(minutes=minutes))
        work(NOW + timedelta(minutes=minutes))

    assert len(graph.ledger) == 9


def test_others_are_not_held_up_by_a_person(graph: GraphFake, conversation: Conversation) -> None:
    for _ in range(4):
        queue(conversation)
    work()
    other = queue(conversation_on(conversation.channel))
    work()

    assert reread(other).status == MessageStatus.SENT
