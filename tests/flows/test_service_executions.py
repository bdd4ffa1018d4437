"""Executions: started, answered, resumed, cancelled; what they write."""

from datetime import timedelta
from typing import Any

import pytest

from chatboost.core import clock
from chatboost.core.errors import Conflict
from chatboost.messaging.models import Bot, ContactAttribute, MessageStatus
from flows.models import Execution, ExecutionState
from flows.services import executions, flows
from teams.models import Organization
from tests import factories
from tests.flows import talking
from tests.flows.engine_runs import ask, delay, send
from tests.messaging.listening import listening


@pytest.fixture
def bot(organization: Organization) -> Bot:
    return factories.bot(organization)


def set_attribute(key: str, value: Any, value_type: str = "string", following: int | None = None) -> Any:
    config = {"attribute_key": key, "attribute_value": value, "value_type": value_type, "next": following}
    return "set_attribute", config


def test_start_runs_to_the_end_and_queues_what_it_says(bot: Bot) -> None:
    execution = talking.begin(talking.published(bot, send("One", 1), send("Two")))

    assert execution.state == ExecutionState.COMPLETED
    assert execution.ended_at is not None
    assert talking.told(bot) == ["One", "Two"]


def test_messages_name_their_execution(bot: Bot) -> None:
    execution = talking.begin(talking.published(bot, send("Hi")))

    (message,) = talking.outbound(bot)
    assert (message.origin_kind, message.origin_id) == ("flow", execution.pk)
    assert message.status == MessageStatus.QUEUED


def test_start_with_the_window_closed_has_its_message_refused(bot: Bot) -> None:
    someone = talking.conversation(bot.organization, bot, window=None)

    execution = talking.begin(talking.published(bot, send("Hi")), someone)

    assert execution.state == ExecutionState.COMPLETED
    assert [message.status for message in talking.outbound(bot)] == [MessageStatus.REFUSED]


def test_start_fills_in_contact_attributes_and_initial_state(bot: Bot) -> None:
    someone = talking.conversation(bot.organization, bot)
    someone.contact.first_name = "Ann"
    someone.contact.save()
    ContactAttribute.objects.create(
        organization=bot.organization, contact=someone.contact, key="preferred_language", value="Urdu"
    )
    text = "{{contact.first_name}}, {{contact.attribute.preferred_language}}, {{state.custom_field}}"

    talking.begin(talking.published(bot, send(text)), someone, custom_field="value")

    assert talking.told(bot) == ["Ann, Urdu, value"]


def test_start_of_a_flow_that_was_never_published_is_refused(bot: Bot) -> None:
    with pytest.raises(executions.FlowNotReady) as refusal:
        talking.begin(talking.draft(bot, send("Hi")))

    assert refusal.value.code == "flow_not_published"


def test_start_of_a_flow_that_is_switched_off_is_refused(bot: Bot) -> None:
    flow = talking.published(bot, send("Hi"))
    flow.is_active = False
    flow.save()

    with pytest.raises(executions.FlowNotReady):
        talking.begin(flow)


def test_start_with_another_bots_flow_is_refused(bot: Bot) -> None:
    other = talking.conversation(bot.organization)

    with pytest.raises(Conflict) as refusal:
        talking.begin(talking.published(bot, send("Hi")), other)

    assert refusal.value.code == "wrong_bot"


def test_start_on_a_bot_without_a_channel_is_refused(bot: Bot) -> None:
    flow, contact = talking.published(bot, send("Hi")), factories.contact(bot.organization)

    with pytest.raises(Conflict) as refusal:
        executions.start(flow=flow, bot=bot, contact=contact)

    assert refusal.value.code == "no_channel"


def test_a_running_execution_stays_on_its_version(bot: Bot) -> None:
    flow = talking.published(bot, ask(next=1), send("Old"))
    execution = talking.begin(flow)
    talking.change(flow, ask(next=1), send("New"))
    flows.publish(flow=flow)

    executions.give_input(execution=execution, text="yes")

    assert talking.told(bot) == ["Old"]
    assert execution.flow_version.number == 1


def test_a_new_execution_runs_the_version_published_last(bot: Bot) -> None:
    flow = talking.published(bot, send("Old"))
    talking.change(flow, send("New"))
    flows.publish(flow=flow)

    talking.begin(flow)

    assert talking.told(bot) == ["New"]


def test_an_unpublished_change_of_the_draft_runs_nowhere(bot: Bot) -> None:
    flow = talking.published(bot, send("Published"))
    talking.change(flow, send("Draft"))

    talking.begin(flow)

    assert talking.told(bot) == ["Published"]


def test_starting_another_flow_interrupts_the_live_one(bot: Bot) -> None:
    someone = talking.conversation(bot.organization, bot)
    first = talking.begin(talking.published(bot, ask()), someone)

    second = talking.begin(talking.published(bot, ask(), name="Other"), someone)

    assert talking.fresh(first).state == ExecutionState.INTERRUPTED
    assert talking.fresh(first).ended_at is not None
    assert talking.fresh(second).state == ExecutionState.WAITING_INPUT
    assert talking.events(first)[-1] == (0, "interrupted")


def test_conversations_have_their_own_executions(bot: Bot) -> None:
    flow = talking.published(bot, ask())

    for _ in range(2):
        talking.begin(flow)

    assert Execution.objects.filter(state=ExecutionState.WAITING_INPUT).count() == 2


def test_give_input_stores_the_answer_and_goes_on(bot: Bot) -> None:
    execution = talking.begin(talking.published(bot, ask(next=1), send("You said {{state.user_response}}")))

    moved = executions.give_input(execution=execution, text="yes")

    assert moved.state == ExecutionState.COMPLETED
    assert talking.variables(execution) == {"user_response": "yes"}
    assert talking.told(bot) == ["You said yes"]


def test_give_input_during_a_delay_is_refused_and_changes_nothing(bot: Bot) -> None:
    execution = talking.begin(talking.published(bot, delay(5, "minutes")))

    with pytest.raises(executions.NotWaiting) as refusal:
        executions.give_input(execution=execution, text="yes")

    assert refusal.value.code == "not_waiting_for_input"
    assert talking.variables(execution) == {}


@pytest.mark.parametrize("change", ["give_input", "resume", "cancel"])
def test_an_ended_execution_can_not_be_moved(bot: Bot, change: str) -> None:
    execution = talking.begin(talking.published(bot, send("Hi")))
    more = {"text": "yes"} if change == "give_input" else {}

    with pytest.raises(executions.ExecutionEnded) as refusal:
        getattr(executions, change)(execution=execution, **more)

    assert refusal.value.code == "execution_ended"


def test_an_interrupted_execution_can_not_be_moved(bot: Bot) -> None:
    someone = talking.conversation(bot.organization, bot)
    flow = talking.published(bot, ask())
    first = talking.begin(flow, someone)
    talking.begin(flow, someone)

    with pytest.raises(executions.ExecutionEnded):
        executions.cancel(execution=first)


def test_resume_ends_a_delay(bot: Bot) -> None:
    execution = talking.begin(talking.published(bot, delay(5, "minutes", 1), send("Later")))

    assert executions.resume(execution=execution).state == ExecutionState.COMPLETED
    assert talking.told(bot) == ["Later"]


def test_resume_of_an_input_takes_the_timeouts_branch(bot: Bot) -> None:
    question = ask(timeout={"duration": 1, "unit": "hours"}, next=1, timeout_path=2)
    execution = talking.begin(talking.published(bot, question, send("Answered"), send("Timed out")))

    executions.resume(execution=execution)

    assert talking.told(bot) == ["Timed out"]


def test_cancel_ends_the_execution_without_a_word(bot: Bot) -> None:
    execution = talking.begin(talking.published(bot, ask(next=1), send("Never")))

    assert executions.cancel(execution=execution).state == ExecutionState.CANCELLED

    row = talking.fresh(execution)
    assert (row.state, row.wake_at, row.ended_at is None) == (ExecutionState.CANCELLED, None, False)
    assert talking.events(execution)[-1] == (0, "cancelled")
    assert talking.told(bot) == []


def test_a_loop_stops_at_the_step_limit(bot: Bot) -> None:
    # Validation refuses such a flow; a version may be older than the rule.
    flow = talking.published(bot, send("Hi"))
    version = flow.published_version
    assert version is not None
    version.spec["nodes"][0]["config"]["next"] = 0
    version.save()

    execution = talking.begin(flow)

    assert (execution.state, execution.error_code) == (ExecutionState.FAILED, "step_limit")
    assert len(talking.told(bot)) == 100


def test_attributes_are_written_with_their_type(bot: Bot) -> None:
    nodes = [
        set_attribute("age", "{{state.age}}", "number", 1),
        set_attribute("city", "Lahore", "string", 2),
        send("{{contact.attribute.city}}"),
    ]

    execution = talking.begin(talking.published(bot, *nodes), age="25")

    rows = ContactAttribute.objects.filter(contact=execution.contact).values_list(
        "key", "value", "value_type"
    )
    assert sorted(rows) == [("age", 25, "number"), ("city", "Lahore", "string")]
    assert talking.told(bot) == ["Lahore"]


def test_an_attribute_set_twice_keeps_the_later_value(bot: Bot) -> None:
    nodes = [set_attribute("step", "one", following=1), set_attribute("step", "two")]

    talking.begin(talking.published(bot, *nodes))

    assert ContactAttribute.objects.get(key="step").value == "two"


def test_a_value_of_the_wrong_type_fails_the_execution(bot: Bot) -> None:
    flow = talking.published(bot, set_attribute("age", "{{state.age}}", "number"))

    execution = talking.begin(flow, age="old")

    assert (execution.state, execution.error_code) == (ExecutionState.FAILED, "invalid_attribute_value")
    assert not ContactAttribute.objects.exists()


def test_the_log_has_every_step_in_order(bot: Bot) -> None:
    execution = talking.begin(talking.published(bot, send("Hi", 1), ask(next=None)))

    executions.give_input(execution=execution, text="yes")

    assert talking.events(execution) == [(0, "sent"), (1, "waiting"), (1, "answered")]


def test_a_placeholder_without_a_value_is_in_the_log(bot: Bot) -> None:
    execution = talking.begin(talking.published(bot, send("Hi {{state.nobody}}")))

    assert execution.logs.filter(detail__missing=["state.nobody"]).exists()


@pytest.mark.parametrize(
    ("node", "name"),
    [(send("Hi"), "flow_completed"), (set_attribute("age", "{{state.age}}", "number"), "flow_failed")],
)
def test_the_end_is_announced(bot: Bot, node: talking.NodeParts, name: str) -> None:
    flow = talking.published(bot, node)

    with listening(name) as payloads:
        execution = talking.begin(flow, age="old")

    assert [payload["execution_id"] for payload in payloads] == [execution.pk]


def test_a_wait_announces_nothing(bot: Bot) -> None:
    flow = talking.published(bot, ask())

    with listening("flow_completed") as payloads:
        talking.begin(flow)

    assert payloads == []


def test_a_delay_is_due_after_its_duration(bot: Bot) -> None:
    flow = talking.published(bot, delay(5, "minutes"))

    with clock.frozen(talking.NOW):
        execution = talking.begin(flow)

    assert execution.state == ExecutionState.WAITING_TIMER
    assert execution.wake_at == talking.NOW + timedelta(minutes=5)
