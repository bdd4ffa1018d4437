"""Sends: the gate is asked again, the call is made once, a refusal follows its kind, lanes keep order."""

import json
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from chatboost.core import clock
from chatboost.core.models import WorkItem, WorkState
from chatboost.messaging.models import (
    AttemptState,
    Channel,
    ChannelHealth,
    ContactStatus,
    Conversation,
    MessageStatus,
)
from chatboost.messaging.services import contacts
from teams.models import Organization
from tests import factories
from tests.fakes.faults import Fault, Rule
from tests.fakes.graph import GraphFake
from tests.messaging.listening import listening
from tests.messaging.pipeline import NOW, deliver, queue, seconds, status, work
from tests.messaging.sends import (
    attempts_of,
    conversation_on,
    prepared,
    real_channel,
    reread,
    running_graph,
    send_kind,
    status_of,
    taken,
    words_sent,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def graph(settings: Settings) -> Iterator[GraphFake]:
    with running_graph(settings) as fake:
        yield fake


@pytest.fixture
def channel(organization: Organization) -> Channel:
    return real_channel(organization)


@pytest.fixture
def conversation(channel: Channel) -> Conversation:
    return conversation_on(channel)


# Accepted


def test_accepted_message_is_sent_with_the_vendors_id(graph: GraphFake, conversation: Conversation) -> None:
    message = queue(conversation, "Hello")
    work(NOW + seconds(1))

    (entry,) = graph.ledger
    row = reread(message)
    assert (row.status, row.external_id, row.reason) == (MessageStatus.SENT, entry["wamid"], "")
    assert (row.sent_at, row.changed_at) == (NOW + seconds(1), NOW + seconds(1))
    assert (entry["to"], entry["body"]["text"]["body"]) == (conversation.contact.phone, "Hello")
    assert not WorkItem.objects.exists()


def test_attempt_is_recorded_under_the_tracker_that_the_vendor_saw(
    graph: GraphFake, conversation: Conversation
) -> None:
    message = queue(conversation)
    work()

    (attempt,) = attempts_of(message)
    assert (str(attempt.tracker), attempt.external_id) == (
        graph.ledger[0]["tracker"],
        graph.ledger[0]["wamid"],
    )
    assert (attempt.state, attempt.number, attempt.finished_at) == (AttemptState.ACCEPTED, 1, NOW)


def test_answer_to_a_message_quotes_it(graph: GraphFake, conversation: Conversation) -> None:
    queue(conversation, reply_to="wamid.QUESTION")
    work()

    assert graph.ledger[0]["body"]["context"] == {"message_id": "wamid.QUESTION"}


def test_contact_without_a_phone_is_reached_by_user_id(graph: GraphFake, channel: Channel) -> None:
    contact = factories.contact(channel.organization, phone=None, external_user_id="US.13491208655302741918")
    queue(factories.conversation(channel, contact, window_expires_at=NOW + timedelta(days=1)))
    work()

    assert graph.ledger[0]["to"] == "US.13491208655302741918"


def test_message_that_the_vendor_holds_back_is_not_called_sent(
    graph: GraphFake, channel: Channel, conversation: Conversation
) -> None:
    held = {"messages": [{"id": "wamid.H", "message_status": "held_for_quality_assessment"}]}
    graph.play(Rule(fault=Fault.ACCEPT_THEN_ANSWER, status=200, body=json.dumps(held)))
    message = queue(conversation)
    work()

    row = reread(message)
    assert (row.status, row.external_id, row.sent_at) == (MessageStatus.SENDING, "wamid.H", None)
    assert not WorkItem.objects.exists()
    deliver(channel, statuses=[status("wamid.H", "sent")])
    work()
    assert reread(message).status == MessageStatus.SENT


def test_sandbox_sends_to_nobody(graph: GraphFake, organization: Organization) -> None:
    sandbox = factories.channel(factories.bot(organization))
    message = queue(conversation_on(sandbox))
    work()

    assert reread(message).status == MessageStatus.SENT
    assert graph.attempts == []


def test_message_that_was_removed_before_its_turn_is_passed_over(
    graph: GraphFake, conversation: Conversation
) -> None:
    queue(conversation).delete()
    work()

    assert (graph.attempts, WorkItem.objects.count()) == ([], 0)


def test_second_item_of_a_sent_message_sends_nothing(graph: GraphFake, conversation: Conversation) -> None:
    message = queue(conversation)
    item = WorkItem.objects.get()
    work()
    item.pk = None
    item.save(force_insert=True)
    work()

    assert (len(graph.ledger), len(attempts_of(message))) == (1, 1)


# Rejected

RETRIED = "retried"
FINAL = "final"

REJECTIONS = {
    # code: (what becomes of it, the least wait, is the channel disabled)
    131016: (RETRIED, seconds(0), False),  # service unavailable
    131000: (RETRIED, seconds(0), False),  # unknown error
    130429: (RETRIED, seconds(0), False),  # the number's throughput
    131056: (RETRIED, seconds(6), False),  # one person's pace
    131057: (RETRIED, seconds(60), False),  # the number is being upgraded
    131049: (RETRIED, timedelta(days=1), False),  # capped by the vendor
    999999: (RETRIED, seconds(0), False),  # no table knows it
    190: (FINAL, None, True),  # token expired
    10: (FINAL, None, True),  # permission denied
    133010: (FINAL, None, True),  # number not registered
    131031: (FINAL, None, True),  # account locked
    131042: (FINAL, None, False),  # payment: free replies still go
    130497: (FINAL, None, False),  # recipient's country
    131047: (FINAL, None, False),  # window closed
    131050: (FINAL, None, False),  # opted out of marketing
    131026: (FINAL, None, False),  # undeliverable
    131021: (FINAL, None, False),  # recipient is the sender
    132015: (FINAL, None, False),  # template paused
    131009: (FINAL, None, False),  # invalid parameter
    100: (FINAL, None, False),  # invalid parameter of Graph
}


@pytest.mark.parametrize("code", [code for code, (fate, _, _) in REJECTIONS.items() if fate == FINAL])
def test_rejection_that_can_not_change_fails_the_message(
    graph: GraphFake, channel: Channel, conversation: Conversation, code: int
) -> None:
    graph.play(Rule(fault=Fault.ERROR, code=code, message="Because"))
    message = queue(conversation)
    work()

    row = reread(message)
    assert (row.status, row.reason) == (MessageStatus.FAILED, str(code))
    assert "Because" in row.reason_detail
    (attempt,) = attempts_of(message)
    assert (attempt.state, attempt.error_code) == (AttemptState.REJECTED, str(code))
    assert not WorkItem.objects.exists()


@pytest.mark.parametrize("code", REJECTIONS)
def test_rejection_that_concerns_the_channel_disables_it(
    graph: GraphFake, channel: Channel, conversation: Conversation, code: int
) -> None:
    graph.play(Rule(fault=Fault.ERROR, code=code, message="Because"))
    queue(conversation)
    work()

    channel.refresh_from_db()
    is_disabled = channel.health == ChannelHealth.DISABLED
    assert is_disabled is REJECTIONS[code][2]
    assert ("Because" in channel.health_reason) is is_disabled


@pytest.mark.parametrize("code", [code for code, (fate, _, _) in REJECTIONS.items() if fate == RETRIED])
def test_rejection_that_may_pass_is_tried_again_later(
    graph: GraphFake, conversation: Conversation, code: int
) -> None:
    graph.play(Rule(fault=Fault.ERROR, code=code, message="Because", times=1))
    message = queue(conversation)
    work()

    item = WorkItem.objects.get()
    assert status_of(message) == (MessageStatus.QUEUED, "")
    assert (item.state, item.error_count) == (WorkState.READY, 1)
    assert item.run_at >= NOW + REJECTIONS[code][1]
    assert "Because" in item.last_error


def test_rejection_is_followed_by_a_second_attempt_with_a_tracker_of_its_own(
    graph: GraphFake, conversation: Conversation
) -> None:
    graph.play(Rule(fault=Fault.ERROR, code=131016, times=1))
    message = queue(conversation)
    work()
    work(NOW + timedelta(hours=1))

    first, second = attempts_of(message)
    assert reread(message).status == MessageStatus.SENT
    assert (first.state, second.state) == (AttemptState.REJECTED, AttemptState.ACCEPTED)
    assert (first.number, second.number) == (1, 2)
    assert [entry["tracker"] for entry in graph.ledger] == [str(second.tracker)]


def test_retry_after_is_a_floor_under_the_back_off(graph: GraphFake, channel: Channel) -> None:
    graph.play(Rule(fault=Fault.ERROR, status=429, code=130429, retry_after="7"))
    for _ in range(12):
        queue(conversation_on(channel))
    work()

    waits = [run_at - NOW for run_at in WorkItem.objects.values_list("run_at", flat=True)]
    assert len(waits) == 12
    assert all(seconds(7) <= wait <= seconds(11) for wait in waits)
    assert len(set(waits)) > 6
    work(NOW + seconds(6.9))
    assert len(graph.attempts) == 12


def test_unknown_code_is_tried_once_more_and_then_fails(graph: GraphFake, conversation: Conversation) -> None:
    graph.play(Rule(fault=Fault.ERROR, code=999999))
    message = queue(conversation)
    for minutes in range(4):
        work(NOW + timedelta(minutes=minutes))

    assert status_of(message) == (MessageStatus.FAILED, "999999")
    assert len(graph.attempts) == 2


def test_patience_ends_with_a_failed_message_not_with_a_dead_letter(
    graph: GraphFake, conversation: Conversation, settings: Settings
) -> None:
    settings.WORK_MAX_PASSING_ERRORS = 3
    graph.play(Rule(fault=Fault.ERROR, code=131016))
    message = queue(conversation)
    for hours in range(5):
        work(NOW + timedelta(hours=hours))

    assert status_of(message) == (MessageStatus.FAILED, "131016")
    assert len(graph.attempts) == 3
    assert not WorkItem.objects.exists()


def test_refusal_that_is_not_the_vendors_is_tried_again(graph: GraphFake, conversation: Conversation) -> None:
    graph.play(Rule(fault=Fault.ANSWER, status=404, body="<html>proxy</html>", times=1))
    message = queue(conversation)
    work()
    assert status_of(message) == (MessageStatus.QUEUED, "")

    work(NOW + timedelta(minutes=1))
    assert reread(message).status == MessageStatus.SENT


def test_vendor_that_was_never_reached_is_tried_again(
    graph: GraphFake, conversation: Conversation, settings: Settings
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        settings.WHATSAPP_API_BASE_URL = f"http://127.0.0.1:{closed.getsockname()[1]}"
        message = queue(conversation)
        work()
    assert status_of(message) == (MessageStatus.QUEUED, "")

    settings.WHATSAPP_API_BASE_URL = graph.url
    work(NOW + timedelta(minutes=1))
    assert reread(message).status == MessageStatus.SENT


def test_content_that_no_vendor_takes_fails_without_a_request(
    graph: GraphFake, conversation: Conversation
) -> None:
    message = queue(conversation, content={"text": ""})
    work()

    assert status_of(message) == (MessageStatus.FAILED, "invalid_request")
    assert graph.attempts == []


def test_channel_that_was_disabled_refuses_what_waits_behind(graph: GraphFake, channel: Channel) -> None:
    graph.play(Rule(fault=Fault.ERROR, status=401, code=190, times=1))
    conversation = conversation_on(channel)
    first, second = queue(conversation), queue(conversation)
    with listening("channel_health_changed") as announced:
        work()

    assert status_of(first) == (MessageStatus.FAILED, "190")
    assert status_of(second) == (MessageStatus.REFUSED, "channel_disabled")
    assert len(graph.attempts) == 1
    assert [payload["health"] for payload in announced] == ["disabled"]


# The gate, again

CHANGES: dict[str, tuple[Callable[[Conversation], object], str]] = {
    "contact blocked": (
        lambda each: contacts.update(each.contact, status=ContactStatus.BLOCKED),
        "contact_blocked",
    ),
    "contact erased": (lambda each: contacts.erase(each.contact), "contact_unreachable"),
    "channel switched off": (
        lambda each: Channel.objects.filter(pk=each.channel_id).update(is_active=False),
        "channel_inactive",
    ),
    "channel disabled": (
        lambda each: Channel.objects.filter(pk=each.channel_id).update(health=ChannelHealth.DISABLED),
        "channel_disabled",
    ),
    "window closed by a change of number": (
        lambda each: Conversation.objects.filter(pk=each.pk).update(window_expires_at=None),
        "window_closed",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_changed_since_queueing_is_asked_again_before_sending(
    graph: GraphFake, conversation: Conversation, name: str
) -> None:
    message = queue(conversation)
    assert message.status == MessageStatus.QUEUED
    change, reason = CHANGES[name]
    change(conversation)
    work()

    row = reread(message)
    assert (row.status, row.reason) == (MessageStatus.REFUSED, reason)
    assert row.reason_detail
    assert graph.attempts == []
    assert not WorkItem.objects.filter(kind="messaging.send").exists()


def test_window_that_closes_while_a_message_waits_refuses_it(graph: GraphFake, channel: Channel) -> None:
    message = queue(conversation_on(channel, window_expires_at=NOW + timedelta(minutes=5)))
    work(NOW + timedelta(minutes=5))

    assert status_of(message) == (MessageStatus.REFUSED, "window_closed")
    assert graph.attempts == []


def test_window_that_closes_during_back_off_refuses_the_retry(graph: GraphFake, channel: Channel) -> None:
    graph.play(Rule(fault=Fault.ERROR, code=131016, times=1))
    message = queue(conversation_on(channel, window_expires_at=NOW + timedelta(minutes=5)))
    work()
    work(NOW + timedelta(minutes=6))

    assert status_of(message) == (MessageStatus.REFUSED, "window_closed")
    assert len(graph.attempts) == 1


# Lanes


def test_replies_of_one_conversation_leave_in_order(graph: GraphFake, conversation: Conversation) -> None:
    for number in range(6):
        queue(conversation, f"{number}")
    work()

    assert words_sent(graph) == [f"{number}" for number in range(6)]


def test_reply_in_back_off_is_not_overtaken_by_the_next(graph: GraphFake, channel: Channel) -> None:
    waiting, other = conversation_on(channel), conversation_on(channel)
    graph.play(
        Rule(fault=Fault.ERROR, code=131056, match={"to": waiting.contact.phone or ""}, times=1),
    )
    for number in range(3):
        queue(waiting, f"{number}")
    queue(other, "other")
    work()
    assert words_sent(graph) == ["other"]

    work(NOW + timedelta(minutes=1))
    assert words_sent(graph) == ["other", "0", "1", "2"]


def test_refused_reply_holds_up_nobody(graph: GraphFake, conversation: Conversation) -> None:
    graph.play(Rule(fault=Fault.ERROR, code=131026, times=1))
    first, second = queue(conversation, "1"), queue(conversation, "2")
    work()

    assert (reread(first).status, reread(second).status) == (MessageStatus.FAILED, MessageStatus.SENT)


# Few queries


def test_preparing_ten_sends_costs_no_more_queries_than_two(channel: Channel) -> None:
    def queries(count: int) -> int:
        for _ in range(count):
            queue(conversation_on(channel))
        with clock.frozen(NOW):
            items = taken()
            assert len(items) == count
            with CaptureQueriesContext(connection) as captured, transaction.atomic():
                send_kind().prepare(items)
        return len(captured)

    assert queries(2) == queries(10)


def test_settling_ten_sends_costs_no_more_queries_than_two(graph: GraphFake, channel: Channel) -> None:
    def queries(count: int) -> int:
        for _ in range(count):
            queue(conversation_on(channel))
        with clock.frozen(NOW):
            results = [(item, intent, send_kind().call(intent)) for item, intent in prepared()]
            with CaptureQueriesContext(connection) as captured, transaction.atomic():
                send_kind().settle(results)
        return len(captured)

    assert queries(2) == queries(10)
