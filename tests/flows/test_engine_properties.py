"""What holds for every flow and every order of events."""

import copy
import json
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flows.engine import compiler, run, validation
from flows.engine.effects import Complete, Fail
from flows.engine.events import Event, InputReceived, Resumed, Started, TimerFired, WebhookAnswered
from flows.engine.problems import Severity
from flows.engine.run import STEP_LIMIT, Context
from flows.engine.state import RunState, RunStatus
from tests.flows.engine_runs import NOW

MAX_NODES = 8
TARGETS = st.none() | st.integers(0, MAX_NODES)
TEXTS = st.sampled_from(
    [
        "Hello",
        "Hi {{contact.first_name}}",
        "{{state.user_response}}",
        "{{state.x.y}}",
        "{{message.text}}",
        "{{ x",
    ]
)
VALUES = st.sampled_from([None, "yes", "5", 5, True, ["a"], {"y": 1}, "{{state.x}}", "2026-03-09"])


def node(kind: str, **config: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    return st.tuples(st.just(kind), st.fixed_dictionaries(config))


SOUND = (
    node("send_message", content=st.fixed_dictionaries({"text": TEXTS}), next=TARGETS)
    | node("wait", duration=st.integers(1, 5000), unit=st.sampled_from(["minutes", "hours"]), next=TARGETS)
    | node(
        "wait", wait_for=st.just("input"), variable=st.sampled_from(["state.x", "state.x.y"]), next=TARGETS
    )
    | node(
        "wait",
        wait_for=st.just("input"),
        timeout=st.just({"duration": 2, "unit": "hours"}),
        next=TARGETS,
        timeout_path=TARGETS,
    )
    | node(
        "condition",
        variable=st.sampled_from(["state.x", "state.x.y", "contact.attribute.a", "message.text"]),
        operator=st.sampled_from(
            ["==", "!=", ">", "<=", "contains", "in", "exists", "is_empty", "starts_with"]
        ),
        value=VALUES,
        true_path=TARGETS,
        false_path=TARGETS,
    )
    | node(
        "webhook_action",
        url=st.just("https://api.example.com/{{state.x}}"),
        headers=st.just({"X-A": "{{state.x}}"}),
        store_response_in=st.sampled_from([None, "state.x", "state.x.y"]),
        next=TARGETS,
        error_path=TARGETS,
    )
    | node(
        "set_attribute",
        attribute_key=st.just("a"),
        attribute_value=VALUES,
        value_type=st.sampled_from(["string", "number", "json", "date"]),
        next=TARGETS,
        error_path=TARGETS,
    )
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda child: st.lists(child, max_size=3) | st.dictionaries(st.text(max_size=8), child, max_size=3),
    max_leaves=8,
)
KINDS = ["send_message", "wait", "condition", "webhook_action", "set_attribute", "teleport"]
KEYS = [
    "content",
    "text",
    "type",
    "duration",
    "unit",
    "variable",
    "operator",
    "value",
    "url",
    "headers",
    "next",
]
WILD = st.tuples(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(KEYS), JSON, max_size=5))
EVENTS = st.one_of(
    st.builds(Started),
    st.builds(
        InputReceived,
        st.sampled_from(["yes", "", "a\r\nb", "{{state.x}}", "..", "5"]),
        payload=st.sampled_from([{}, {"id": "m"}]),
        reply_id=st.sampled_from(["", "r"]),
    ),
    st.builds(TimerFired),
    st.builds(WebhookAnswered, st.sampled_from([None, 200, 500]), st.sampled_from([None, "x", {"y": [1]}])),
    st.builds(Resumed),
)


@st.composite
def flows(draw: st.DrawFn, nodes: st.SearchStrategy[tuple[str, dict[str, Any]]] = SOUND) -> dict[str, Any]:
    drawn = draw(st.lists(nodes, min_size=1, max_size=MAX_NODES))
    return {
        "entry": 0,
        "nodes": [
            {"number": number, "type": kind, "config": config} for number, (kind, config) in enumerate(drawn)
        ],
    }


def within(hours: int) -> Context:
    contact = {"first_name": "Ada", "attribute": {"a": 5, "b": [1]}}
    return Context(contact, NOW + timedelta(hours=hours), {"text": "hi"})


@settings(max_examples=100, deadline=None)
@given(flow=flows(SOUND | WILD), events=st.lists(EVENTS, max_size=8))
def test_any_flow_and_events_keep_the_rules(flow: dict[str, Any], events: list[Event]) -> None:
    compiled = compiler.compile_version(flow)
    state = RunState({"x": {"y": "z"}})
    frozen_flow = copy.deepcopy(flow)
    for hour, event in enumerate([Started(), *events]):
        before, context = copy.deepcopy((state, event)), within(hour)
        result = run.advance(compiled, state, event, context)
        assert (state, event, context.contact) == (*before, within(hour).contact)
        assert result.state.steps - state.steps <= STEP_LIMIT
        ends = [effect for effect in result.effects if isinstance(effect, Complete | Fail)]
        has_ended = result.state.status in (RunStatus.COMPLETED, RunStatus.FAILED)
        assert len(ends) == (has_ended and result.is_consumed)
        assert (result.state.wait is not None) == (result.state.status is RunStatus.WAITING)
        assert all("node_crashed" not in entry.message for entry in result.logs)
        state = result.state
    assert repr(flow) == repr(frozen_flow)


@settings(max_examples=100, deadline=None)
@given(flow=flows(), events=st.lists(EVENTS, max_size=8))
def test_any_flow_from_stored_state_goes_on_the_same(flow: dict[str, Any], events: list[Event]) -> None:
    compiled = compiler.compile_version(flow)
    state = RunState()
    for hour, event in enumerate([Started(), *events]):
        stored = RunState.from_json(json.loads(json.dumps(state.to_json())))
        result = run.advance(compiled, state, event, within(hour))
        assert run.advance(compiler.compile_version(flow), stored, event, within(hour)) == result
        state = result.state


@settings(max_examples=150, deadline=None)
@given(flow=flows(SOUND | WILD))
def test_flow_without_errors_never_meets_a_broken_node(flow: dict[str, Any]) -> None:
    if any(problem.severity is Severity.ERROR for problem in validation.validate(flow)):
        return
    compiled = compiler.compile_version(flow)
    result = run.advance(compiled, RunState({"x": "5"}), Started(), within(0))
    broken = {"missing_node", "unknown_kind", "invalid_config", "step_limit", "node_crashed"}
    assert broken.isdisjoint(effect.code for effect in result.effects if isinstance(effect, Fail))


@given(spec=JSON)
def test_any_json_is_validated_and_compiled_without_raising(spec: Any) -> None:
    compiled = compiler.compile_version(spec)
    assert run.advance(compiled, RunState(), Started(), within(0)).state.status is RunStatus.FAILED
    assert validation.validate(spec) != []
