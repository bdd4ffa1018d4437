"""Waiting: delays, questions, timeouts, and events that cross."""

from datetime import timedelta
from typing import Any

import pytest

from flows.engine.effects import AwaitInput, Complete, StartTimer
from flows.engine.events import InputReceived, Resumed, TimerFired, WebhookAnswered
from flows.engine.state import RunState, RunStatus
from tests.flows.engine_runs import NOW, advance, ask, codes, context, delay, send, spec, texts

HOUR = timedelta(hours=1)
QUESTION = spec(
    ask(timeout={"duration": 1, "unit": "hours"}, next=1, timeout_path=2), send("answered"), send("late")
)


@pytest.mark.parametrize(
    ("duration", "unit", "span"),
    [
        (1, "seconds", timedelta(seconds=1)),
        (0.5, "minutes", timedelta(seconds=30)),
        (36, "hours", timedelta(days=1, hours=12)),
        (400, "days", timedelta(days=400)),
    ],
)
def test_delay_allowed_duration_sets_timer(duration: float, unit: str, span: timedelta) -> None:
    flow = spec(delay(duration, unit))
    assert codes(flow) == []
    assert advance(flow).effects == [StartTimer(NOW + span)]


@pytest.mark.parametrize(
    ("duration", "unit", "path"),
    [
        (0.5, "seconds", "duration"),
        (0, "days", "duration"),
        (-5, "minutes", "duration"),
        (401, "days", "duration"),
        (10**400, "seconds", "duration"),
        (float("inf"), "seconds", "duration"),
        (float("nan"), "seconds", "duration"),
        ("5", "minutes", "duration"),
        (True, "minutes", "duration"),
        (None, "minutes", "duration"),
        (5, "weeks", "unit"),
        (5, None, "unit"),
        (5, ["minutes"], "unit"),
    ],
)
def test_delay_bad_duration_is_a_problem(duration: Any, unit: Any, path: str) -> None:
    assert [found[1] for found in codes(spec(delay(duration, unit)))] == [path]


def test_delay_timer_in_time_goes_on() -> None:
    flow = spec(delay(1, "hours", 1), send("x"))
    result = advance(flow, TimerFired(), state=advance(flow).state, within=context(after=HOUR))
    assert (texts(result.effects), result.is_consumed) == (["x"], True)


def test_delay_early_timer_is_set_again() -> None:
    flow = spec(delay(1, "hours", 1), send("x"))
    state = advance(flow).state
    early = advance(flow, TimerFired(), state=state, within=context(after=HOUR - timedelta(microseconds=1)))
    assert (early.state, early.effects, early.is_consumed) == (state, [StartTimer(NOW + HOUR)], False)


def test_delay_input_is_noted_and_not_consumed() -> None:
    flow = spec(delay(1, "hours", 1), send("x"))
    state = advance(flow).state
    noted = advance(flow, InputReceived("stop", reply_id="s"), state=state, within=context(after=HOUR / 2))
    assert noted.is_consumed is False
    assert noted.effects == [StartTimer(NOW + HOUR)]
    assert noted.state == RunState(
        {"user_response": "stop", "user_response_id": "s"}, RunStatus.WAITING, 0, 1, state.wait
    )


def test_delay_resumed_by_operator_goes_on_at_once() -> None:
    flow = spec(delay(1, "hours", 1), send("x"))
    assert texts(advance(flow, Resumed(), state=advance(flow).state).effects) == ["x"]


def test_delay_of_last_node_completes_when_over() -> None:
    flow = spec(delay(1, "hours"))
    result = advance(flow, TimerFired(), state=advance(flow).state, within=context(after=HOUR))
    assert result.effects == [Complete()]


def test_input_with_timeout_tells_when() -> None:
    assert advance(QUESTION).effects == [AwaitInput(NOW + HOUR)]


def test_input_answer_is_stored_and_next_taken() -> None:
    result = advance(QUESTION, InputReceived("blue"), state=advance(QUESTION).state)
    assert texts(result.effects) == ["answered"]
    assert result.state.variables == {"user_response": "blue"}


@pytest.mark.parametrize("after", [HOUR, HOUR * 400])
def test_input_timer_takes_timeout_path(after: timedelta) -> None:
    result = advance(QUESTION, TimerFired(), state=advance(QUESTION).state, within=context(after=after))
    assert texts(result.effects) == ["late"]


def test_input_answer_after_the_hour_but_before_the_timer_still_counts() -> None:
    state = advance(QUESTION).state
    result = advance(QUESTION, InputReceived("x"), state=state, within=context(after=HOUR * 2))
    assert texts(result.effects) == ["answered"]


def test_input_timer_after_answer_changes_nothing() -> None:
    answered = advance(QUESTION, InputReceived("x"), state=advance(QUESTION).state)
    late = advance(QUESTION, TimerFired(), state=answered.state, within=context(after=HOUR))
    assert (late.state, late.effects, late.is_consumed) == (answered.state, [], False)


def test_input_timer_of_an_earlier_wait_does_not_end_one_without_timeout() -> None:
    flow = spec(ask(next=None))
    state = advance(flow).state
    result = advance(flow, TimerFired(), state=state, within=context(after=HOUR))
    assert (result.state, result.effects, result.is_consumed) == (state, [], False)


@pytest.mark.parametrize(
    ("flow", "expected"), [(QUESTION, ["late"]), (spec(ask(next=1), send("on")), ["on"])]
)
def test_input_resumed_by_operator_takes_timeout_path_if_any(
    flow: dict[str, Any], expected: list[str]
) -> None:
    assert texts(advance(flow, Resumed(), state=advance(flow).state).effects) == expected


def test_input_webhook_answer_is_ignored() -> None:
    state = advance(QUESTION).state
    assert advance(QUESTION, WebhookAnswered(200), state=state).is_consumed is False


@pytest.mark.parametrize("key", ["wait_for", "type"])
def test_input_both_spellings_wait_for_input(key: str) -> None:
    flow = spec(("wait", {key: "input", "next": None}))
    assert codes(flow) == []
    assert advance(flow).state.is_awaiting_input


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (InputReceived("Red", "interactive", reply_id="c1"), {"colour": "Red", "colour_id": "c1"}),
        (InputReceived("", "image", {"id": "m1"}), {"colour": {"id": "m1"}}),
        (InputReceived("a caption", "image", {"id": "m1"}), {"colour": "a caption"}),
        (InputReceived("", "unsupported"), {"colour": ""}),
    ],
)
def test_input_answer_of_any_type_is_stored(event: InputReceived, expected: dict[str, Any]) -> None:
    flow = spec(ask(variable="state.colour"))
    assert advance(flow, event, state=advance(flow).state).state.variables == expected


def test_input_typed_answer_clears_the_id_of_an_earlier_choice() -> None:
    flow = spec(ask(variable="state.form.colour", next=0))
    chosen = advance(flow, InputReceived("Red", reply_id="c1"), state=advance(flow).state)
    typed = advance(flow, InputReceived("green"), state=chosen.state)
    assert typed.state.variables == {"form": {"colour": "green", "colour_id": None}}


def test_input_variable_below_a_value_replaces_it() -> None:
    flow = spec(ask(variable="state.a.b"))
    state = advance(flow, state=RunState({"a": "text"})).state
    assert advance(flow, InputReceived("x"), state=state).state.variables == {"a": {"b": "x"}}


@pytest.mark.parametrize(
    ("config", "path", "code"),
    [
        ({"wait_for": "rain"}, "wait_for", "bad_wait"),
        ({"wait_for": "input", "variable": "contact.name"}, "variable", "bad_variable"),
        ({"wait_for": "input", "variable": "state"}, "variable", "bad_variable"),
        ({"wait_for": "input", "variable": "{{state.x}}"}, "variable", "bad_variable"),
        ({"wait_for": "input", "variable": 7}, "variable", "bad_variable"),
        ({"wait_for": "input", "variable": "state.current_time"}, "variable", "reserved_variable"),
        ({"wait_for": "input", "timeout_path": 0}, "timeout", "missing_timeout"),
        ({"wait_for": "input", "timeout": 5}, "timeout", "bad_duration"),
        ({"wait_for": "input", "timeout": {"duration": 5, "unit": "years"}}, "timeout.unit", "bad_unit"),
        (
            {"wait_for": "input", "timeout": {"duration": 500, "unit": "days"}},
            "timeout.duration",
            "bad_duration",
        ),
    ],
)
def test_wait_bad_config_is_a_problem(config: dict[str, Any], path: str, code: str) -> None:
    assert codes(spec(("wait", config))) == [(0, path, code)]
