"""The loop itself: starting, stopping, limits, foreign events, and what a run sees."""

import copy
import json
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from flows.engine import compiler, run
from flows.engine.effects import AwaitInput, Complete, SetAttribute, StartTimer
from flows.engine.events import Event, InputReceived, Resumed, Started, TimerFired, WebhookAnswered
from flows.engine.frame import Frame
from flows.engine.kinds import CompiledNode, Config, DuplicateKindError, NodeKind, Registry
from flows.engine.problems import Problem
from flows.engine.state import RunState, RunStatus, Wait, WaitKind
from tests.flows.engine_runs import NOW, advance, ask, context, delay, failure, send, spec, texts

# The flow that the source's document describes node by node.
SOURCE_FLOW = {
    "entry": 0,
    "nodes": [
        {
            "number": 0,
            "type": "send_message",
            "config": {
                "message_type": "text",
                "content": {"text": "Hello {{contact.first_name}}!"},
                "next": 1,
            },
        },
        {"number": 1, "type": "wait", "config": {"duration": 5, "unit": "minutes", "next": 2}},
        {
            "number": 2,
            "type": "condition",
            "config": {
                "variable": "state.user_response",
                "operator": "==",
                "value": "yes",
                "true_path": 3,
                "false_path": 4,
            },
        },
        {
            "number": 3,
            "type": "set_attribute",
            "config": {
                "attribute_key": "last_interaction",
                "attribute_value": "{{state.current_time}}",
                "value_type": "string",
                "next": 5,
            },
        },
        {
            "number": 4,
            "type": "send_message",
            "config": {"message_type": "text", "content": {"text": "Bye"}, "next": None},
        },
        {
            "number": 5,
            "type": "send_message",
            "config": {
                "message_type": "text",
                "content": {"text": "Seen {{contact.attribute.last_interaction}}"},
            },
        },
    ],
}


def test_run_source_flow_start_greets_and_waits() -> None:
    result = advance(SOURCE_FLOW, within=context(first_name="Ada"))
    assert texts(result.effects) == ["Hello Ada!"]
    assert result.effects[1:] == [StartTimer(NOW + timedelta(minutes=5))]
    assert result.state == RunState(
        {}, RunStatus.WAITING, 1, 2, Wait(WaitKind.TIMER, NOW + timedelta(minutes=5))
    )


def test_run_source_flow_answered_during_delay_takes_true_path() -> None:
    started = advance(SOURCE_FLOW)
    noted = advance(SOURCE_FLOW, InputReceived("Yes "), state=started.state)
    over = advance(SOURCE_FLOW, TimerFired(), state=noted.state, within=context(after=timedelta(minutes=5)))
    assert over.effects == [
        SetAttribute("last_interaction", "2026-03-09T17:10:00Z", "string"),
        over.effects[1],
        Complete(),
    ]
    assert texts(over.effects) == ["Seen 2026-03-09T17:10:00Z"]


def test_run_source_flow_unanswered_takes_false_path() -> None:
    state = advance(SOURCE_FLOW).state
    over = advance(SOURCE_FLOW, TimerFired(), state=state, within=context(after=timedelta(minutes=6)))
    assert texts(over.effects) == ["Bye"]
    assert over.state.status is RunStatus.COMPLETED


def test_run_current_time_is_not_stored() -> None:
    flow = spec(send("{{state.current_time}}", 1), ask(next=None))
    result = advance(flow, state=RunState({"current_time": "never"}))
    assert texts(result.effects) == ["2026-03-09T17:05:00Z"]
    assert result.state.variables == {}


def test_run_initial_variables_are_visible() -> None:
    result = advance(spec(send("{{state.custom_field}}")), state=RunState({"custom_field": "value"}))
    assert texts(result.effects) == ["value"]


def test_run_message_of_context_and_of_input_are_visible() -> None:
    flow = spec(send("{{message.text}}", 1), ask(next=2), send("{{message.reply_id}}/{{message.payload.a}}"))
    first = advance(flow, within=context(message={"text": "hi"}))
    second = advance(flow, InputReceived("x", "image", {"a": 1}, "r1"), state=first.state)
    assert texts(first.effects + second.effects) == ["hi", "r1/1"]


def test_run_missing_placeholder_is_logged_with_its_node() -> None:
    result = advance(spec(send("a", 1), send("Hi {{state.b}}{{state.b}}", 2), send("c")))
    assert [entry.missing for entry in result.logs] == [(), ("state.b",), ()]


def test_run_missing_placeholder_of_failing_node_is_logged() -> None:
    result = advance(spec(send("{{state.a}}")))
    assert (result.logs[-1].outcome, result.logs[-1].missing) == ("failed", ("state.a",))


def line(length: int) -> dict[str, Any]:
    return spec(*(send("x", number + 1) for number in range(length - 1)), send("end"))


def test_run_hundred_nodes_completes() -> None:
    result = advance(line(100))
    assert (result.state.status, result.state.steps) == (RunStatus.COMPLETED, 100)


@pytest.mark.parametrize("flow", [line(101), spec(send("x", 0)), spec(send("x", 1), send("y", 0))])
def test_run_over_hundred_nodes_fails(flow: dict[str, Any]) -> None:
    result = advance(flow)
    assert (failure(result), result.state.steps, len(texts(result.effects))) == ("step_limit", 100, 100)


def test_run_loop_with_wait_goes_on_for_ever() -> None:
    flow = spec(send("x", 1), ask(next=0))
    state = advance(flow).state
    for _ in range(300):
        state = advance(flow, InputReceived("y"), state=state).state
    assert (state.status, state.steps) == (RunStatus.WAITING, 602)


EVENTS = [Started(), InputReceived("x"), TimerFired(), WebhookAnswered(200), Resumed(), Event()]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("status", [RunStatus.COMPLETED, RunStatus.FAILED])
def test_run_ended_takes_no_event(event: Event, status: RunStatus) -> None:
    state = RunState({"a": 1}, status, 0, 3)
    result = advance(spec(send("x")), event, state=state)
    assert (result.state, result.effects, result.logs, result.is_consumed) == (state, [], [], False)


@pytest.mark.parametrize("event", EVENTS[1:], ids=lambda event: type(event).__name__)
def test_run_ready_takes_only_started(event: Event) -> None:
    result = advance(spec(send("x")), event)
    assert (result.state, result.is_consumed) == (RunState(), False)


def test_run_waiting_does_not_start_again() -> None:
    flow = spec(ask(next=None))
    state = advance(flow).state
    assert advance(flow, Started(), state=state).is_consumed is False


@pytest.mark.parametrize(
    ("flow", "code"),
    [
        ({"nodes": []}, "missing_node"),
        ({}, "missing_node"),
        (None, "missing_node"),
        (spec(send("x", 7)), "missing_node"),
        (spec(("teleport", {})), "unknown_kind"),
        (spec(("send_message", {})), "invalid_config"),
        (spec(("send_message", {"content": {"text": "x"}, "next": "one"})), "invalid_config"),
    ],
)
def test_run_broken_version_fails_and_does_not_raise(flow: Any, code: str) -> None:
    result = advance(flow)
    assert failure(result) == code
    assert result.state.status is RunStatus.FAILED


def test_run_waiting_at_a_node_that_is_gone_fails() -> None:
    state = RunState({}, RunStatus.WAITING, 9, 1, Wait(WaitKind.INPUT))
    assert failure(advance(spec(send("x")), InputReceived("y"), state=state)) == "missing_node"


def test_run_inputs_are_not_changed() -> None:
    flow = spec(
        ask(variable="state.form.name", next=1),
        (
            "set_attribute",
            {"attribute_key": "name", "attribute_value": "{{state.form}}", "value_type": "json"},
        ),
    )
    variables = {"form": {"age": 1}}
    within = context(first_name="Ada")
    before = copy.deepcopy((flow, variables, within.contact))
    state = advance(flow, state=RunState(variables), within=within).state
    result = advance(flow, InputReceived("x"), state=state, within=within)
    assert (flow, variables, within.contact) == before
    assert state.variables == variables
    assert result.state.variables == {"form": {"age": 1, "name": "x"}}


@pytest.mark.parametrize(
    "state",
    [
        RunState(),
        RunState({"a": [1]}, RunStatus.WAITING, 3, 9, Wait(WaitKind.INPUT)),
        RunState({}, RunStatus.WAITING, 3, 9, Wait(WaitKind.TIMER, NOW)),
        RunState({}, RunStatus.FAILED, 3, 9),
    ],
)
def test_state_json_round_trip_is_identity(state: RunState) -> None:
    assert RunState.from_json(json.loads(json.dumps(state.to_json()))) == state


def test_state_awaiting_input_only_when_waiting_for_it() -> None:
    asking, delaying = advance(spec(ask())), advance(spec(delay(1, "hours")))
    assert (asking.state.is_awaiting_input, delaying.state.is_awaiting_input) == (True, False)


class Shout(NodeKind):
    """A kind of another room, with a bug on demand."""

    name: ClassVar[str] = "shout"

    def check(self, config: Config) -> list[Problem]:
        return []

    def compile(self, number: int, config: Config) -> CompiledNode:
        def enter(frame: Frame) -> int | None:
            frame.store(("shout",), config["word"].upper())
            return None

        return CompiledNode(enter)


def test_registry_new_kind_runs() -> None:
    flow = compiler.compile_version(spec(("shout", {"word": "hey"})), kinds=Registry((Shout(),)))
    assert run.advance(flow, RunState(), Started(), context()).state.variables == {"shout": "HEY"}


def test_registry_crashing_kind_fails_its_run(caplog: pytest.LogCaptureFixture) -> None:
    flow = compiler.compile_version(spec(("shout", {"word": 7})), kinds=Registry((Shout(),)))
    result = run.advance(flow, RunState(), Started(), context())
    assert failure(result) == "node_crashed"
    assert "node 0 crashed" in caplog.text


def test_registry_same_name_twice_is_refused() -> None:
    with pytest.raises(DuplicateKindError):
        Registry((Shout(), Shout()))


def test_wait_for_input_effect_carries_no_timeout_by_default() -> None:
    assert advance(spec(ask())).effects == [AwaitInput(None)]
