"""Keywords that start flows, as messages come in."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from rest_framework.test import APIClient

from chatboost.core import clock
from chatboost.messaging.models import Bot, Channel, Contact, ContactStatus
from chatboost.messaging.services import conversations, simulator
from flows.models import Execution, ExecutionState, Flow
from flows.services import flows
from teams.models import Organization
from tests import factories
from tests.fakes import whatsapp_webhooks
from tests.flows import talking
from tests.flows.engine_runs import ask, delay, send
from triggers.models import Trigger, TriggerLog
from triggers.services import triggers

SECRET = "app-secret"
SENDER = "15550100123"


@pytest.fixture
def bot(organization: Organization) -> Bot:
    return factories.bot(organization)


@pytest.fixture
def phone(bot: Bot) -> Channel:
    return talking.phone(bot)


def on(bot: Bot, keyword: str, flow: Flow | str, **fields: Any) -> Trigger:
    """Make a trigger; a text stands for a flow that says it."""
    if isinstance(flow, str):
        flow = talking.published(bot, send(flow))
    fields = {"name": keyword, "keywords": [keyword], **fields}
    return triggers.save(Trigger(organization=bot.organization, bot=bot, flow=flow, **fields))


def states() -> list[str]:
    """Return the executions' states, oldest first."""
    return list(Execution.objects.order_by("id").values_list("state", flat=True))


@pytest.mark.parametrize(
    ("match_type", "keyword", "firing", "silent"),
    [
        ("exact", "hi", "  HI ", "hi there"),
        ("contains", "price", "what is the PRICE?", "what does it cost?"),
        ("starts_with", "order", "Order 12", "my order"),
        ("ends_with", "please", "the menu Please", "please, the menu"),
        ("regex", r"^order \d+$", "ORDER 12", "order twelve"),
    ],
)
def test_each_match_type_starts_the_flow(
    bot: Bot, phone: Channel, match_type: str, keyword: str, firing: str, silent: str
) -> None:
    on(bot, keyword, "Fired", match_type=match_type)

    talking.say(phone, silent)
    assert talking.told(bot) == []
    talking.say(phone, firing)

    assert talking.told(bot) == ["Fired"]


@pytest.mark.parametrize("match_type", ["exact", "regex"])
def test_a_case_sensitive_trigger_wants_the_same_case(bot: Bot, phone: Channel, match_type: str) -> None:
    on(bot, "STOP", "Fired", match_type=match_type, case_sensitive=True)

    talking.say(phone, "stop", "Stop", "STOP")

    assert talking.told(bot) == ["Fired"]


def test_a_signed_delivery_fires_a_trigger(bot: Bot, settings: Settings) -> None:
    settings.WHATSAPP_APP_SECRET = [SECRET]
    channel = factories.channel(bot)
    on(bot, "hi", "Hello {{contact.first_name}}")
    body = whatsapp_webhooks.encode(
        whatsapp_webhooks.delivery(
            channel.external_id,
            contacts=[whatsapp_webhooks.contact(sender=SENDER, name="Ann Lee")],
            messages=[
                whatsapp_webhooks.text_message(
                    sender=SENDER, wamid="wamid.1", text="hi", timestamp=int(clock.now().timestamp())
                )
            ],
        )
    )
    signed = {"HTTP_X_HUB_SIGNATURE_256": whatsapp_webhooks.sign(body, SECRET)}

    for _ in range(2):  # a copy fires nothing
        APIClient().generic("POST", "/whatsapp/webhook", body, content_type="application/json", **signed)
        talking.work()

    assert talking.told(bot) == ["Hello Ann"]


def test_the_execution_knows_its_trigger_and_the_message(bot: Bot, phone: Channel) -> None:
    trigger = on(
        bot, "order", talking.published(bot, send("Got: {{message.text}}")), match_type="starts_with"
    )

    talking.say(phone, "Order 12")

    execution = Execution.objects.get()
    assert (execution.origin_kind, execution.origin_id) == ("trigger", trigger.pk)
    assert talking.told(bot) == ["Got: Order 12"]


def test_a_firing_is_logged(bot: Bot, phone: Channel) -> None:
    trigger = on(bot, "hi", "Fired", keywords=["hello", "hi"])

    talking.say(phone, "hi")

    log = TriggerLog.objects.get()
    assert (log.trigger, log.keyword, log.execution) == (trigger, "hi", Execution.objects.get())
    assert log.message is not None
    assert (log.message.text, log.contact) == ("hi", Contact.objects.get())


def test_the_highest_priority_wins(bot: Bot, phone: Channel) -> None:
    on(bot, "hi", "Low", priority=1)
    on(bot, "hi", "High", priority=10, match_type="contains")

    talking.say(phone, "hi")

    assert talking.told(bot) == ["High"]


def test_priority_counts_although_a_lower_one_may_interrupt(bot: Bot, phone: Channel) -> None:
    on(bot, "hi", "High", priority=10)
    on(bot, "hi", "Low", priority=1, interrupts=True)

    talking.say(phone, "hi")

    assert talking.told(bot) == ["High"]


def test_one_message_starts_one_flow(bot: Bot, phone: Channel) -> None:
    for text in ("One", "Two"):
        on(bot, "hi", text)

    talking.say(phone, "hi")

    assert talking.told(bot) == ["One"]


def test_a_waiting_flow_takes_the_message_before_a_keyword(bot: Bot, phone: Channel) -> None:
    on(bot, "start", talking.published(bot, ask(next=1), send("Answered")))
    on(bot, "hi", "Fired")

    talking.say(phone, "start", "hi")

    assert talking.told(bot) == ["Answered"]


def test_an_interrupting_trigger_breaks_into_a_waiting_flow(bot: Bot, phone: Channel) -> None:
    on(bot, "start", talking.published(bot, ask(next=1), send("Answered")))
    on(bot, "stop", "Stopped", interrupts=True)

    talking.say(phone, "start", "stop")

    assert talking.told(bot) == ["Stopped"]
    assert states() == [ExecutionState.INTERRUPTED, ExecutionState.COMPLETED]


def test_a_flow_that_ignores_triggers_is_not_interrupted(bot: Bot, phone: Channel) -> None:
    on(bot, "start", talking.published(bot, ask(next=1), send("Answered"), ignore_triggers=True))
    on(bot, "stop", "Stopped", interrupts=True)

    talking.say(phone, "start", "stop")

    assert talking.told(bot) == ["Answered"]


def test_a_delay_that_ignores_triggers_keeps_keywords_silent(bot: Bot, phone: Channel) -> None:
    on(bot, "start", talking.published(bot, delay(5, "minutes"), ignore_triggers=True))
    on(bot, "hi", "Fired")

    talking.say(phone, "start", "hi")

    assert talking.told(bot) == []
    assert states() == [ExecutionState.WAITING_TIMER]


def test_a_keyword_during_a_delay_starts_its_flow(bot: Bot, phone: Channel) -> None:
    on(bot, "start", talking.published(bot, delay(5, "minutes")))
    on(bot, "hi", "Fired")

    talking.say(phone, "start", "hi")

    assert talking.told(bot) == ["Fired"]
    assert states() == [ExecutionState.INTERRUPTED, ExecutionState.COMPLETED]


def test_only_one_execution_lives_in_a_conversation(bot: Bot, phone: Channel) -> None:
    on(bot, "start", talking.published(bot, ask()), interrupts=True)

    talking.say(phone, "start", "start", "start")

    assert states() == [ExecutionState.INTERRUPTED, ExecutionState.INTERRUPTED, ExecutionState.WAITING_INPUT]


@pytest.mark.parametrize(
    ("title", "reply_id", "fired"),
    [("Anything", "b-menu", True), ("menu", "b-other", False), ("b-menu", "b-x", False)],
)
def test_a_button_fires_by_its_id_and_never_by_its_title(
    bot: Bot, phone: Channel, title: str, reply_id: str, fired: bool
) -> None:
    on(bot, "b-menu", "Menu", keywords=["b-menu", "menu"])

    talking.say(phone, title, reply_id=reply_id)

    assert talking.told(bot) == (["Menu"] if fired else [])


def test_an_inactive_trigger_leaves_the_message_to_the_next(bot: Bot, phone: Channel) -> None:
    triggers.set_active(on(bot, "hi", "First", priority=10), is_active=False)
    on(bot, "hi", "Second")

    talking.say(phone, "hi")

    assert talking.told(bot) == ["Second"]


def test_a_flow_that_is_switched_off_leaves_the_message_to_the_next(bot: Bot, phone: Channel) -> None:
    first = on(bot, "hi", "First", priority=10)
    on(bot, "hi", "Second")
    Flow.objects.filter(pk=first.flow_id).update(is_active=False)

    talking.say(phone, "hi")

    assert talking.told(bot) == ["Second"]
    assert TriggerLog.objects.get().trigger.name == "hi"


def test_an_unpublished_flow_leaves_the_message_to_the_next(bot: Bot, phone: Channel) -> None:
    on(bot, "hi", talking.draft(bot, send("First")), priority=10)
    on(bot, "hi", "Second")

    talking.say(phone, "hi")

    assert talking.told(bot) == ["Second"]


def test_a_deleted_flow_leaves_the_message_to_the_next(bot: Bot, phone: Channel) -> None:
    first = on(bot, "hi", "First", priority=10)
    on(bot, "hi", "Second")
    talking.say(phone, "warm up")
    flows.delete(first.flow)

    talking.say(phone, "hi")

    assert talking.told(bot) == ["Second"]


def test_another_bots_trigger_does_not_fire(bot: Bot, phone: Channel) -> None:
    on(factories.bot(bot.organization), "hi", "Theirs")

    talking.say(phone, "hi")

    assert not Execution.objects.exists()


@pytest.mark.parametrize("why", ["paused", "blocked", "bot_off"])
def test_nothing_fires_while_the_bot_is_silent(bot: Bot, phone: Channel, why: str) -> None:
    on(bot, "hi", "Fired")
    talking.say(phone, "warm up")
    someone = simulator.conversation_of(phone, "ann")
    assert someone is not None
    if why == "paused":
        conversations.pause_bot(someone)
    elif why == "blocked":
        Contact.objects.filter(pk=someone.contact_id).update(status=ContactStatus.BLOCKED)
    else:
        Bot.objects.filter(pk=bot.pk).update(is_active=False)

    talking.say(phone, "hi")

    assert talking.told(bot) == []


def test_a_change_takes_effect_with_the_next_message(bot: Bot, phone: Channel) -> None:
    trigger = on(bot, "hi", "Fired")
    talking.say(phone, "hi")

    trigger.keywords = ["bye"]
    triggers.save(trigger)
    talking.say(phone, "hi", "bye")

    assert talking.told(bot) == ["Fired", "Fired"]
    assert list(TriggerLog.objects.order_by("id").values_list("keyword", flat=True)) == ["hi", "bye"]


def test_a_new_version_runs_with_the_next_message(bot: Bot, phone: Channel) -> None:
    trigger = on(bot, "hi", "Old")
    talking.say(phone, "hi")

    talking.change(trigger.flow, send("New"))
    talking.publish(trigger.flow)
    talking.say(phone, "hi")

    assert talking.told(bot) == ["Old", "New"]


def test_the_steady_state_reads_no_trigger(bot: Bot, phone: Channel) -> None:
    on(bot, "hi", "Fired")
    reads = []
    for _ in range(2):
        simulator.receive(channel=phone, operator_key="ann", text="hi")
        with CaptureQueriesContext(connection) as queries:
            talking.work()
        reads.append([query["sql"] for query in queries if 'FROM "triggers_trigger"' in query["sql"]])

    assert [len(statements) for statements in reads] == [1, 0]


def test_many_people_at_once_cost_as_many_queries_as_one(bot: Bot, phone: Channel) -> None:
    on(bot, "hi", "Fired")
    counts = []
    for crowd in (["ann"], [f"person{number}" for number in range(8)]):
        talking.say(phone, "hello", who=crowd[0])
        for who in crowd:
            talking.say(phone, "hello", who=who)
            simulator.receive(channel=phone, operator_key=who, text="hi")
        with CaptureQueriesContext(connection) as queries:
            talking.drain("interactive", names=["messaging.inbound"])
        counts.append(len(queries))
        talking.work()

    assert counts[1] <= counts[0]
