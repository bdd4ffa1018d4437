"""Timers: they fire once, never early, and only for the wait they were set for."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chatboost.core import clock
from chatboost.core.models import WorkItem
from chatboost.messaging.models import Bot, Conversation
from chatboost.messaging.services import conversations
from flows.models import Execution, ExecutionState, Flow
from flows.services import executions
from flows.services.runner import WAKE_KIND, Runner
from flows.work.timers import PAUSE_CHECK
from teams.models import Organization
from tests import factories
from tests.flows import talking
from tests.flows.engine_runs import ask, delay, send

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
HOUR_LONG = {"duration": 1, "unit": "hours"}


@pytest.fixture
def bot(organization: Organization) -> Bot:
    return factories.bot(organization)


def question(bot: Bot, *more: talking.NodeParts) -> Flow:
    node = ask(timeout=HOUR_LONG, next=1, timeout_path=2)
    return talking.published(bot, node, *(more or (send("Answered"), send("Timed out"))))


def test_a_delay_does_not_end_early(bot: Bot) -> None:
    with clock.frozen(talking.NOW):
        execution = talking.begin(talking.published(bot, delay(5, "minutes", 1), send("Later")))
        talking.work()
    with clock.frozen(talking.NOW + timedelta(minutes=5) - SECOND):
        talking.work()

    assert talking.fresh(execution).state == ExecutionState.WAITING_TIMER
    assert talking.told(bot) == []


def test_a_delay_ends_once_when_it_is_over(bot: Bot) -> None:
    with clock.frozen(talking.NOW):
        execution = talking.begin(talking.published(bot, delay(5, "minutes", 1), send("Later")))
    for late in (timedelta(0), HOUR):
        with clock.frozen(talking.NOW + timedelta(minutes=5) + late):
            talking.work()

    assert talking.fresh(execution).state == ExecutionState.COMPLETED
    assert talking.told(bot) == ["Later"]


def test_a_delay_that_ends_while_a_person_has_taken_over_waits_for_them(bot: Bot) -> None:
    with clock.frozen(talking.NOW):
        execution = talking.begin(talking.published(bot, delay(5, "minutes", 1), send("Later")))
    conversations.pause_bot(execution.conversation)
    with clock.frozen(talking.NOW + HOUR):
        talking.work()
    assert talking.told(bot) == []

    conversations.resume_bot(execution.conversation)
    with clock.frozen(talking.NOW + HOUR + PAUSE_CHECK):
        talking.work()
    assert talking.told(bot) == ["Later"]


def test_a_timer_that_is_delivered_twice_fires_once(bot: Bot) -> None:
    with clock.frozen(talking.NOW):
        talking.begin(talking.published(bot, delay(5, "minutes", 1), send("Later")))
    twin = WorkItem.objects.get(kind=WAKE_KIND)
    twin.pk, twin.dedupe_key = None, None
    twin.save()

    with clock.frozen(talking.NOW + HOUR):
        talking.work()

    assert talking.told(bot) == ["Later"]
    assert not WorkItem.objects.filter(kind=WAKE_KIND).exists()


def test_one_delay_after_the_other_is_timed_from_its_own_start(bot: Bot) -> None:
    with clock.frozen(talking.NOW):
        execution = talking.begin(
            talking.published(bot, delay(5, "minutes", 1), delay(5, "minutes", 2), send("Hi"))
        )
    with clock.frozen(talking.NOW + timedelta(minutes=7)):
        talking.work()

    assert talking.fresh(execution).wake_at == talking.NOW + timedelta(minutes=12)
    assert talking.told(bot) == []


def test_a_timeout_takes_the_timeouts_branch(bot: Bot) -> None:
    with clock.frozen(talking.NOW):
        execution = talking.begin(question(bot))
    with clock.frozen(talking.NOW + HOUR):
        talking.work()

    assert talking.told(bot) == ["Timed out"]
    assert talking.events(execution)[:2] == [(0, "waiting"), (0, "timed_out")]


def test_an_answer_in_time_leaves_the_timer_nothing_to_do(bot: Bot) -> None:
    with clock.frozen(talking.NOW):
        execution = talking.begin(question(bot))
        executions.give_input(execution=execution, text="yes")
    with clock.frozen(talking.NOW + HOUR):
        talking.work()

    assert talking.told(bot) == ["Answered"]


def test_an_answer_after_the_timeout_finds_the_execution_ended(bot: Bot) -> None:
    with clock.frozen(talking.NOW):
        execution = talking.begin(question(bot))
    with clock.frozen(talking.NOW + HOUR):
        talking.work()
        with pytest.raises(executions.ExecutionEnded):
            executions.give_input(execution=execution, text="yes")

    assert talking.told(bot) == ["Timed out"]


def test_a_stale_timer_does_not_end_the_next_wait(bot: Bot) -> None:
    later = ask(timeout={"duration": 3, "unit": "hours"}, next=None, timeout_path=None)
    with clock.frozen(talking.NOW):
        execution = talking.begin(question(bot, later, send("Timed out")))
        executions.give_input(execution=execution, text="yes")
    with clock.frozen(talking.NOW + HOUR):
        talking.work()

    row = talking.fresh(execution)
    assert (row.state, row.node_number) == (ExecutionState.WAITING_INPUT, 1)
    assert row.wake_at == talking.NOW + 3 * HOUR


def test_the_timer_of_a_cancelled_execution_does_nothing(bot: Bot) -> None:
    with clock.frozen(talking.NOW):
        execution = talking.begin(talking.published(bot, delay(5, "minutes", 1), send("Later")))
        executions.cancel(execution=execution)
    with clock.frozen(talking.NOW + HOUR):
        talking.work()

    assert talking.fresh(execution).state == ExecutionState.CANCELLED
    assert talking.told(bot) == []


def test_the_timer_of_an_interrupted_execution_leaves_the_new_one_alone(bot: Bot) -> None:
    someone = talking.conversation(bot.organization, bot)
    with clock.frozen(talking.NOW):
        talking.begin(talking.published(bot, delay(5, "minutes", 1), send("Old")), someone)
        new = talking.begin(talking.published(bot, delay(5, "hours", 1), send("New")), someone)
    with clock.frozen(talking.NOW + HOUR):
        talking.work()

    assert talking.fresh(new).state == ExecutionState.WAITING_TIMER
    assert talking.told(bot) == []


def test_a_message_during_a_delay_is_noted_and_the_delay_ends_in_time(bot: Bot) -> None:
    channel = talking.phone(bot)
    with clock.frozen(talking.NOW):
        talking.say(channel, "hello")
        someone = channel.conversations.get()
        flow = talking.published(bot, delay(5, "minutes", 1), send("Last: {{state.user_response}}"))
        execution = _start_there(flow, someone)
        talking.say(channel, "one", "two")
    with clock.frozen(talking.NOW + timedelta(minutes=5)):
        talking.work()
        talking.work()

    assert talking.fresh(execution).state == ExecutionState.COMPLETED
    assert talking.told(bot) == ["Last: two"]


def test_timers_that_are_due_together_cost_as_many_queries_as_one(bot: Bot) -> None:
    counts = []
    for size in (1, 8):
        with clock.frozen(talking.NOW):
            flow = talking.published(bot, delay(5, "minutes"))
            for _ in range(size):
                talking.begin(flow)
        with clock.frozen(talking.NOW + HOUR), CaptureQueriesContext(connection) as queries:
            talking.work()
        counts.append(len(queries))

    assert counts[1] == counts[0]


def _start_there(flow: Flow, someone: Conversation) -> Execution:
    runner = Runner([someone], now=clock.now())
    execution = runner.start(flow, someone, origin_kind="api")
    runner.flush()
    return execution
