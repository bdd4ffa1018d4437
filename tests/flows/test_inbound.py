"""Messages that a waiting flow takes, as they come in by WhatsApp's webhook and the simulated phone."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from rest_framework.test import APIClient

from chatboost.core import clock
from chatboost.messaging.models import Bot, Channel, Conversation, MessageStatus
from chatboost.messaging.services import conversations, simulator
from flows.models import Execution, ExecutionState, Flow
from flows.services import executions
from flows.services.runner import Runner
from teams.models import Organization
from tests import factories
from tests.fakes import whatsapp_webhooks
from tests.flows import talking
from tests.flows.engine_runs import ask, delay, send

SECRET = "app-secret"
SENDER = "15550100123"
HOUR_LONG = {"duration": 1, "unit": "hours"}
BUTTONS = (
    "send_message",
    {
        "message_type": "interactive",
        "content": {
            "body": "Choose",
            "buttons": [{"id": "b-yes", "title": "Yes"}, {"id": "b-no", "title": "No"}],
        },
        "next": 1,
    },
)


@pytest.fixture
def bot(organization: Organization) -> Bot:
    return factories.bot(organization)


@pytest.fixture
def phone(bot: Bot) -> Channel:
    return talking.phone(bot)


def started(flow: Flow, phone: Channel, who: str = "ann") -> Execution:
    """Let somebody say hello and start the flow for them."""
    talking.say(phone, "hello", who=who)
    someone = simulator.conversation_of(phone, who)
    assert someone is not None
    return _start(flow, someone)


def _start(flow: Flow, someone: Conversation) -> Execution:
    runner = Runner([someone], now=clock.now())
    execution = runner.start(flow, someone, origin_kind="operator")
    runner.flush()
    return execution


def deliver(channel: Channel, *messages: dict[str, Any]) -> int:
    """Post a signed delivery to the webhook; returns the answer's status."""
    people = [whatsapp_webhooks.contact(sender=SENDER, name="Ann Lee")]
    body = whatsapp_webhooks.encode(
        whatsapp_webhooks.delivery(channel.external_id, contacts=people, messages=list(messages))
    )
    signed = {"HTTP_X_HUB_SIGNATURE_256": whatsapp_webhooks.sign(body, SECRET)}
    return (
        APIClient()
        .generic("POST", "/whatsapp/webhook", body, content_type="application/json", **signed)
        .status_code
    )


def wrote(text: str, wamid: str) -> dict[str, Any]:
    """Make what Ann wrote now."""
    moment = int(clock.now().timestamp())
    return whatsapp_webhooks.text_message(sender=SENDER, wamid=wamid, text=text, timestamp=moment)


def test_an_answer_moves_the_flow_on(bot: Bot, phone: Channel) -> None:
    execution = started(talking.published(bot, ask(next=1), send("Thanks, {{state.user_response}}")), phone)

    talking.say(phone, "Ann")

    assert talking.fresh(execution).state == ExecutionState.COMPLETED
    assert talking.told(bot) == ["Thanks, Ann"]


def test_an_answer_is_sent_by_the_phone(bot: Bot, phone: Channel) -> None:
    started(talking.published(bot, ask(next=1), send("Thanks")), phone)

    talking.say(phone, "Ann")

    assert [message.status for message in talking.outbound(bot)] == [MessageStatus.SENT]


def test_a_signed_delivery_answers_the_flow(bot: Bot, settings: Settings) -> None:
    settings.WHATSAPP_APP_SECRET = [SECRET]
    channel = factories.channel(bot)
    assert deliver(channel, wrote("hello", "wamid.1")) == 200
    talking.work()
    flow = talking.published(
        bot, ask(next=1), send("Thanks, {{contact.first_name}}: {{state.user_response}}")
    )
    _start(flow, Conversation.objects.get(channel=channel))

    assert deliver(channel, wrote("42", "wamid.2")) == 200
    talking.work()

    assert talking.told(bot) == ["Thanks, Ann: 42"]


def test_a_delivery_that_comes_twice_answers_once(bot: Bot, settings: Settings) -> None:
    settings.WHATSAPP_APP_SECRET = [SECRET]
    channel = factories.channel(bot)
    deliver(channel, wrote("hello", "wamid.1"))
    talking.work()
    flow = talking.published(
        bot, ask(variable="state.a", next=1), ask(variable="state.b", next=2), send("End")
    )
    execution = _start(flow, Conversation.objects.get(channel=channel))

    for _ in range(2):
        deliver(channel, wrote("42", "wamid.2"))
        talking.work()

    assert talking.variables(execution) == {"a": "42"}
    assert talking.fresh(execution).node_number == 1


def test_two_answers_in_one_delivery_are_taken_in_order(bot: Bot, settings: Settings) -> None:
    settings.WHATSAPP_APP_SECRET = [SECRET]
    channel = factories.channel(bot)
    deliver(channel, wrote("hello", "wamid.1"))
    talking.work()
    flow = talking.published(
        bot, ask(variable="state.a", next=1), ask(variable="state.b", next=2), send("End")
    )
    execution = _start(flow, Conversation.objects.get(channel=channel))

    deliver(channel, wrote("first", "wamid.2"), wrote("second", "wamid.3"))
    talking.work()

    assert talking.variables(execution) == {"a": "first", "b": "second"}


def test_a_tapped_button_is_known_by_its_id(bot: Bot, phone: Channel) -> None:
    paths = {
        "variable": "state.user_response_id",
        "operator": "==",
        "value": "b-yes",
        "true_path": 3,
        "false_path": 4,
    }
    flow = talking.published(
        bot, BUTTONS, ask(next=2), ("condition", paths), send("You agreed"), send("You refused")
    )
    execution = started(flow, phone)

    talking.say(phone, "Whatever the title says", reply_id="b-yes")

    assert talking.told(bot)[-1] == "You agreed"
    assert talking.variables(execution)["user_response"] == "Whatever the title says"


def test_an_answer_before_the_timeout_takes_one_branch(bot: Bot, phone: Channel) -> None:
    question = ask(timeout=HOUR_LONG, next=1, timeout_path=2)
    with clock.frozen(talking.NOW):
        started(talking.published(bot, question, send("Answered"), send("Timed out")), phone)
    with clock.frozen(talking.NOW + timedelta(minutes=59)):
        talking.say(phone, "yes")
    with clock.frozen(talking.NOW + timedelta(hours=2)):
        talking.work()

    assert talking.told(bot) == ["Answered"]


def test_an_answer_that_comes_with_the_timeout_takes_one_branch(bot: Bot, phone: Channel) -> None:
    question = ask(timeout=HOUR_LONG, next=1, timeout_path=2)
    with clock.frozen(talking.NOW):
        started(talking.published(bot, question, send("Answered"), send("Timed out")), phone)
    with clock.frozen(talking.NOW + timedelta(hours=1)):
        talking.say(phone, "yes")
        talking.work()

    assert len(talking.told(bot)) == 1


def test_a_message_after_the_timeout_is_no_answer(bot: Bot, phone: Channel) -> None:
    question = ask(timeout=HOUR_LONG, next=1, timeout_path=2)
    with clock.frozen(talking.NOW):
        execution = started(talking.published(bot, question, send("Answered"), send("Timed out")), phone)
    with clock.frozen(talking.NOW + timedelta(hours=1)):
        talking.work()
        talking.say(phone, "yes")

    assert talking.told(bot) == ["Timed out"]
    assert talking.variables(execution) == {}


def test_a_message_while_a_person_has_taken_over_is_no_answer(bot: Bot, phone: Channel) -> None:
    execution = started(talking.published(bot, ask(next=1), send("Thanks")), phone)
    conversations.pause_bot(execution.conversation)

    talking.say(phone, "Ann")

    assert talking.fresh(execution).state == ExecutionState.WAITING_INPUT
    assert talking.told(bot) == []


def test_a_message_of_somebody_else_is_no_answer(bot: Bot, phone: Channel) -> None:
    execution = started(talking.published(bot, ask(next=1), send("Thanks")), phone)

    talking.say(phone, "Bob", who="bob")

    assert talking.fresh(execution).state == ExecutionState.WAITING_INPUT


def test_a_message_during_a_delay_does_not_end_it(bot: Bot, phone: Channel) -> None:
    execution = started(talking.published(bot, delay(5, "minutes", 1), send("Later")), phone)

    talking.say(phone, "hello?")

    assert talking.fresh(execution).state == ExecutionState.WAITING_TIMER
    assert talking.variables(execution) == {"user_response": "hello?"}
    assert talking.told(bot) == []


def test_the_flow_that_was_edited_meanwhile_goes_on_as_it_began(bot: Bot, phone: Channel) -> None:
    flow = talking.published(bot, ask(next=1), send("Old"))
    started(flow, phone)
    talking.change(flow, ask(next=1), send("New"))
    talking.publish(flow)

    talking.say(phone, "yes")

    assert talking.told(bot) == ["Old"]


def test_one_flow_that_breaks_leaves_the_others_of_its_batch_alone(bot: Bot, phone: Channel) -> None:
    good = talking.published(bot, ask(next=1), send("Thanks"))
    config = {"attribute_key": "age", "attribute_value": "{{state.user_response}}", "value_type": "number"}
    bad = talking.published(bot, ask(next=1), ("set_attribute", config))
    broken, fine = started(bad, phone, "ann"), started(good, phone, "bob")

    for who in ("ann", "bob"):
        simulator.receive(channel=phone, operator_key=who, text="old")
    talking.work()

    assert talking.fresh(broken).state == ExecutionState.FAILED
    assert talking.fresh(fine).state == ExecutionState.COMPLETED


def test_answers_of_many_people_cost_no_query_each(bot: Bot, phone: Channel) -> None:
    flow = talking.published(bot, ask(next=1), ask(next=1), send("{{contact.attribute.city}}"))
    people = [f"person{number}" for number in range(8)]
    for who in people:
        started(flow, phone, who)
    counts = []
    for crowd in (people[:2], people):
        for who in crowd:
            simulator.receive(channel=phone, operator_key=who, text="yes")
        with CaptureQueriesContext(connection) as queries:
            talking.work()
        counts.append(len(queries))

    assert counts[1] == counts[0]


def test_cancelled_by_an_operator_the_next_message_is_no_answer(bot: Bot, phone: Channel) -> None:
    execution = started(talking.published(bot, ask(next=1), send("Thanks")), phone)
    executions.cancel(execution=execution)

    talking.say(phone, "Ann")

    assert talking.told(bot) == []
