"""Sends whose outcome is unclear: never doubled blindly, never lost silently, settled by the echo."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.db import transaction
from pytest_django import Settings

from chatboost.core import clock
from chatboost.core.models import WorkItem, WorkState
from chatboost.core.work.calls import Calls
from chatboost.core.work.kinds import Done
from chatboost.core.work.sweep import sweep
from chatboost.messaging.models import (
    AttemptState,
    Channel,
    Conversation,
    DeliveryStatus,
    MessageStatus,
)
from chatboost.messaging.services import messages, receipts
from teams.models import Organization
from tests import factories
from tests.fakes.faults import Fault, Rule
from tests.fakes.graph import GraphFake
from tests.messaging.pipeline import NOW, deliver, queue, seconds, status, work
from tests.messaging.sends import (
    GRACE,
    HOLD,
    LOST,
    TAKEN,
    UNCLEAR,
    attempts_of,
    conversation_on,
    prepared,
    prove_echoes_come,
    real_channel,
    reread,
    running_graph,
    send_kind,
    status_of,
    unclear,
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


@pytest.mark.parametrize("name", UNCLEAR)
def test_unclear_send_is_not_sent_again_before_the_grace(
    graph: GraphFake, channel: Channel, conversation: Conversation, name: str
) -> None:
    message = unclear(graph, conversation, UNCLEAR[name])
    prove_echoes_come(channel, graph)
    before = len(graph.attempts)
    for passed in (11, 30, 60, 74.9):
        work(NOW + seconds(passed))

    assert len(graph.attempts) == before
    assert status_of(message) == (MessageStatus.UNKNOWN, "")
    assert [attempt.state for attempt in attempts_of(message)] == [AttemptState.UNKNOWN]


@pytest.mark.parametrize("word", ["sent", "delivered", "read"])
def test_echo_settles_an_unclear_send(
    graph: GraphFake, channel: Channel, conversation: Conversation, word: str
) -> None:
    message = unclear(graph, conversation, TAKEN)
    (entry,) = graph.ledger
    at = NOW + seconds(40)
    deliver(channel, at=at, statuses=[status(entry["wamid"], word, at=at, tracker=entry["tracker"])])
    work(at)
    work(NOW + HOLD)

    row = reread(message)
    assert (row.status, row.external_id, row.reason) == (word, entry["wamid"], "")
    (attempt,) = attempts_of(message)
    assert (attempt.state, attempt.external_id) == (AttemptState.ACCEPTED, entry["wamid"])
    assert len(graph.attempts) == 1
    assert not WorkItem.objects.exists()


def test_silence_while_other_echoes_come_sends_once_more(
    graph: GraphFake, channel: Channel, conversation: Conversation
) -> None:
    message = unclear(graph, conversation)
    prove_echoes_come(channel, graph)
    work(NOW + GRACE)

    first, second = attempts_of(message)
    assert reread(message).status == MessageStatus.SENT
    assert (first.state, second.state) == (AttemptState.UNKNOWN, AttemptState.ACCEPTED)
    assert first.tracker != second.tracker
    assert graph.ledger[-1]["tracker"] == str(second.tracker)
    assert not WorkItem.objects.exists()


@pytest.mark.parametrize(
    ("is_ours", "has_reference", "is_repeated"),
    [(True, True, False), (True, False, False), (False, False, False), (False, True, True)],
)
def test_echo_that_lies_unread_speaks_for_whom_it_names(
    graph: GraphFake,
    channel: Channel,
    conversation: Conversation,
    is_ours: bool,
    has_reference: bool,
    is_repeated: bool,
) -> None:
    message = unclear(graph, conversation, TAKEN)
    (entry,) = graph.ledger
    prove_echoes_come(channel, graph)
    before = len(graph.attempts)
    at = NOW + GRACE
    named = entry["tracker"] if is_ours else "somebody-elses"
    said = status("wamid.unread", "sent", at=at, tracker=named if has_reference else None)
    deliver(channel, at=at, statuses=[said])
    work(at, kinds=[messages.SEND_KIND])

    assert (len(graph.attempts) - before, len(attempts_of(message)) - 1) == (is_repeated, is_repeated)


def test_grace_counts_from_the_end_of_a_call_that_waited_for_its_turn(
    graph: GraphFake, channel: Channel, conversation: Conversation
) -> None:
    message = unclear(graph, conversation)
    (attempt,) = attempts_of(message)
    attempt.finished_at = NOW + seconds(60)
    attempt.save()
    prove_echoes_come(channel, graph)
    before = len(graph.attempts)
    work(NOW + GRACE)
    work(NOW + seconds(59) + GRACE)
    assert len(graph.attempts) == before

    work(NOW + seconds(60) + GRACE)
    assert len(graph.attempts) == before + 1


def test_silence_without_other_echoes_is_held_for_an_operator(
    graph: GraphFake, conversation: Conversation
) -> None:
    message = unclear(graph, conversation)
    for passed in range(75, 300, 15):
        work(NOW + seconds(passed))
    assert status_of(message) == (MessageStatus.UNKNOWN, "")

    work(NOW + HOLD)
    assert status_of(message) == (MessageStatus.UNKNOWN, "outcome_unclear")
    assert reread(message).reason_detail
    assert len(graph.attempts) == 1
    assert not WorkItem.objects.exists()


def test_echo_of_a_send_before_ours_is_no_evidence(
    graph: GraphFake, channel: Channel, conversation: Conversation
) -> None:
    queue(conversation_on(channel), at=NOW - seconds(5))
    work(NOW - seconds(5), kinds=[messages.SEND_KIND])
    earlier = graph.ledger[-1]["wamid"]
    unclear(graph, conversation)
    deliver(channel, at=NOW + seconds(5), statuses=[status(earlier, "sent")])
    work(NOW + seconds(6))
    work(NOW + GRACE)

    assert len(graph.attempts) == 2


def test_echo_on_another_channel_is_no_evidence(
    graph: GraphFake, conversation: Conversation, organization: Organization
) -> None:
    unclear(graph, conversation)
    sandbox = factories.channel(factories.bot(organization))
    other = queue(conversation_on(sandbox), at=NOW + seconds(5))
    work(NOW + seconds(5))
    deliver(sandbox, at=NOW + seconds(6), statuses=[status(reread(other).external_id, "sent")])
    work(NOW + seconds(6))
    work(NOW + GRACE)

    assert len(graph.attempts) == 1


def test_echo_that_has_arrived_but_was_not_read_yet_holds_the_repeat(
    graph: GraphFake, channel: Channel, conversation: Conversation
) -> None:
    message = unclear(graph, conversation, TAKEN)
    entry = graph.ledger[0]
    prove_echoes_come(channel, graph)
    echo = status(entry["wamid"], "delivered", at=NOW + seconds(70), tracker=entry["tracker"])
    deliver(channel, at=NOW + GRACE, statuses=[echo])
    work(NOW + GRACE, kinds=[messages.SEND_KIND])
    assert len(attempts_of(message)) == 1

    work(NOW + HOLD)
    assert reread(message).status == MessageStatus.DELIVERED
    assert graph.doubled_trackers() == []
    assert len(attempts_of(message)) == 1


def test_second_unclear_send_is_held_and_never_followed_by_a_third(
    graph: GraphFake, channel: Channel, conversation: Conversation
) -> None:
    message = unclear(graph, conversation)
    prove_echoes_come(channel, graph)
    graph.play(Rule(fault=Fault.RESET_BEFORE_ACCEPT, match={"to": conversation.contact.phone or ""}))
    work(NOW + GRACE)
    prove_echoes_come(channel, graph, NOW + GRACE + seconds(10))
    for passed in (150, 200, 400, 900):
        work(NOW + seconds(passed))

    assert status_of(message) == (MessageStatus.UNKNOWN, "outcome_unclear")
    assert len(attempts_of(message)) == 2
    assert not WorkItem.objects.exists()


def test_refused_attempts_do_not_use_up_the_one_repeat(
    graph: GraphFake, channel: Channel, conversation: Conversation
) -> None:
    graph.play(Rule(fault=Fault.ERROR, code=131016, times=2), LOST)
    message = queue(conversation)
    for at in (NOW, NOW + seconds(20), NOW + seconds(40)):
        work(at)
    assert [attempt.state for attempt in attempts_of(message)] == ["rejected", "rejected", "unknown"]
    graph.play()
    prove_echoes_come(channel, graph, NOW + seconds(50))
    work(NOW + seconds(40) + GRACE)

    assert reread(message).status == MessageStatus.SENT
    assert len(attempts_of(message)) == 4


def test_late_echo_settles_a_held_message_and_clears_its_reason(
    graph: GraphFake, channel: Channel, conversation: Conversation
) -> None:
    message = unclear(graph, conversation, TAKEN)
    work(NOW + HOLD)
    assert status_of(message) == (MessageStatus.UNKNOWN, "outcome_unclear")
    entry = graph.ledger[0]
    late = NOW + timedelta(minutes=20)
    deliver(channel, at=late, statuses=[status(entry["wamid"], "read", at=late, tracker=entry["tracker"])])
    work(late)

    assert status_of(message) == (MessageStatus.READ, "")


def test_late_echo_of_the_first_send_after_the_repeat_changes_no_id(
    graph: GraphFake, channel: Channel, conversation: Conversation
) -> None:
    message = unclear(graph, conversation, TAKEN)
    first = graph.ledger[0]
    prove_echoes_come(channel, graph)
    work(NOW + GRACE)
    second = graph.ledger[-1]
    late = NOW + timedelta(minutes=20)
    deliver(channel, at=late, statuses=[status(first["wamid"], "read", at=late, tracker=first["tracker"])])
    work(late)

    row = reread(message)
    assert (row.external_id, row.status) == (second["wamid"], MessageStatus.READ)
    assert [attempt.state for attempt in attempts_of(message)] == ["accepted", "accepted"]


def test_unclear_message_whose_window_closes_is_held_and_never_called_refused(
    graph: GraphFake, channel: Channel
) -> None:
    conversation = conversation_on(channel, window_expires_at=NOW + seconds(30))
    message = unclear(graph, conversation, TAKEN)
    prove_echoes_come(channel, graph)
    work(NOW + GRACE)
    assert status_of(message) == (MessageStatus.UNKNOWN, "outcome_unclear")

    entry = graph.ledger[0]
    echo = status(entry["wamid"], "delivered", at=NOW + seconds(80), tracker=entry["tracker"])
    deliver(channel, at=NOW + seconds(90), statuses=[echo])
    work(NOW + seconds(90))
    assert status_of(message) == (MessageStatus.DELIVERED, "")


def test_reply_whose_outcome_is_unclear_is_not_overtaken_by_the_next(
    graph: GraphFake, channel: Channel
) -> None:
    waiting, other = conversation_on(channel), conversation_on(channel)
    unclear(graph, waiting)
    queue(waiting, "next")
    queue(other, "other")
    work(NOW + seconds(1))
    assert words_sent(graph) == ["other"]

    work(NOW + HOLD)
    assert words_sent(graph) == ["other", "next"]


# Crashes and races, step by step


def crashed(at: datetime, settings: Settings) -> datetime:
    """Have the sweep find the lease that is over; returns when the item is tried again at the latest."""
    sweep(now=at)
    wait: timedelta = 2 * settings.WORK_BACKOFF_BASE
    return at + wait


def test_worker_that_dies_before_the_call_leaves_an_unclear_send(
    graph: GraphFake, channel: Channel, conversation: Conversation, settings: Settings
) -> None:
    message = queue(conversation)
    with clock.frozen(NOW):
        prepared()
    assert (reread(message).status, attempts_of(message)[0].state) == ("sending", AttemptState.SENDING)
    later = crashed(NOW + settings.WORK_LEASE + seconds(1), settings)
    work(later)
    assert (graph.attempts, reread(message).status) == ([], MessageStatus.UNKNOWN)

    prove_echoes_come(channel, graph, later)
    work(later + GRACE)
    assert reread(message).status == MessageStatus.SENT


def test_worker_that_dies_after_the_call_sends_nothing_twice(
    graph: GraphFake, channel: Channel, conversation: Conversation, settings: Settings
) -> None:
    message = queue(conversation)
    with clock.frozen(NOW):
        ((_, intent),) = prepared()
    send_kind().call(intent)
    entry = graph.ledger[0]
    deliver(channel, at=NOW + seconds(2), statuses=[status(entry["wamid"], "sent", tracker=entry["tracker"])])
    later = NOW + settings.WORK_LEASE + seconds(1)
    work(later)
    work(later + HOLD)

    assert (reread(message).status, reread(message).external_id) == (MessageStatus.SENT, entry["wamid"])
    assert len(graph.attempts) == 1
    assert not WorkItem.objects.exists()


def test_sandbox_send_that_a_crash_left_open_is_simply_made_again(
    organization: Organization, settings: Settings
) -> None:
    message = queue(conversation_on(factories.channel(factories.bot(organization))))
    with clock.frozen(NOW):
        prepared()
    work(crashed(NOW + settings.WORK_LEASE + seconds(1), settings))

    assert reread(message).status == MessageStatus.SENT


@pytest.mark.parametrize("with_tracker", [True, False])
def test_status_that_overtakes_our_own_commit_is_joined(
    graph: GraphFake, channel: Channel, conversation: Conversation, with_tracker: bool
) -> None:
    message = queue(conversation)
    with clock.frozen(NOW):
        ((item, intent),) = prepared()
    outcome = send_kind().call(intent)
    entry = graph.ledger[0]
    tracker = entry["tracker"] if with_tracker else None
    deliver(channel, statuses=[status(entry["wamid"], "delivered", at=NOW + seconds(1), tracker=tracker)])
    work(kinds=[receipts.STATUS_KIND])
    with clock.frozen(NOW + seconds(1)), transaction.atomic():
        send_kind().settle([(item, intent, outcome)])

    row = reread(message)
    assert (row.status, row.external_id) == (MessageStatus.DELIVERED, entry["wamid"])
    assert DeliveryStatus.objects.get().message == message
    assert attempts_of(message)[0].state == AttemptState.ACCEPTED


def test_unclear_answer_after_the_echo_changes_nothing(
    graph: GraphFake, channel: Channel, conversation: Conversation
) -> None:
    graph.play(TAKEN)
    message = queue(conversation)
    with clock.frozen(NOW):
        ((item, intent),) = prepared()
    outcome = send_kind().call(intent)
    entry = graph.ledger[0]
    deliver(channel, statuses=[status(entry["wamid"], "sent", tracker=entry["tracker"])])
    work(kinds=[receipts.STATUS_KIND])
    with clock.frozen(NOW + seconds(1)), transaction.atomic():
        decisions = send_kind().settle([(item, intent, outcome)])

    (attempt,) = attempts_of(message)
    assert (attempt.state, attempt.external_id) == (AttemptState.ACCEPTED, entry["wamid"])
    assert reread(message).status == MessageStatus.SENT
    assert decisions == {item.id: Done()}


def test_outcome_of_a_message_that_was_removed_meanwhile_is_dropped(
    graph: GraphFake, conversation: Conversation
) -> None:
    kept, removed_id = queue(conversation_on(conversation.channel)), queue(conversation).pk
    with clock.frozen(NOW):
        calls = prepared()
    results = [(item, intent, send_kind().call(intent)) for item, intent in calls]
    conversation.delete()
    with transaction.atomic():
        decisions = send_kind().settle(results)

    assert reread(kept).status == MessageStatus.SENT
    assert {item.subject_id for item, _, _ in results} == {kept.pk, removed_id}
    assert [item.subject_id for item, _, _ in results if item.id in decisions] == [kept.pk]


def test_call_that_would_begin_too_late_is_not_made_and_leaves_nothing_unclear(
    graph: GraphFake, conversation: Conversation
) -> None:
    message = queue(conversation)
    with clock.frozen(NOW), Calls(clock.now) as calls:
        calls.make(send_kind(), prepared(), time.monotonic() - 1)
        while calls:
            calls.settle_some()

    assert (graph.attempts, attempts_of(message)) == ([], [])
    assert status_of(message) == (MessageStatus.QUEUED, "")
    item = WorkItem.objects.get()
    assert (item.state, item.crash_count, item.token) == (WorkState.READY, 0, None)
    work()
    assert reread(message).status == MessageStatus.SENT


def test_second_worker_waits_for_the_outcome_of_the_first(
    graph: GraphFake, conversation: Conversation
) -> None:
    message = queue(conversation)
    with clock.frozen(NOW):
        prepared()
        WorkItem.objects.update(state=WorkState.READY, token=None, lease_until=None)
    work(NOW + seconds(1))

    assert (graph.attempts, len(attempts_of(message))) == ([], 1)


# Work that was given up


def test_send_that_is_given_up_untried_is_failed_and_can_be_tried_again(
    graph: GraphFake, conversation: Conversation
) -> None:
    message = queue(conversation)
    send_kind().on_dead([message.pk])
    assert (reread(message).status, reread(message).reason) == (MessageStatus.FAILED, "gave_up")
    work(NOW)
    assert (reread(message).status, reread(message).reason) == (MessageStatus.SENT, "")


def test_send_that_is_given_up_after_an_unclear_try_stays_unclear(
    graph: GraphFake, conversation: Conversation
) -> None:
    message = queue(conversation)
    with clock.frozen(NOW):
        prepared()
    send_kind().on_dead([message.pk])
    assert (reread(message).status, reread(message).reason) == (MessageStatus.UNKNOWN, "gave_up")


def test_message_that_was_sent_stays_sent_when_its_work_dies(
    graph: GraphFake, conversation: Conversation
) -> None:
    message = queue(conversation)
    work(NOW)
    send_kind().on_dead([message.pk])
    assert reread(message).status == MessageStatus.SENT
