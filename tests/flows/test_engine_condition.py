"""Conditions: what equals, precedes and contains what."""

from typing import Any

import pytest

from flows.engine.effects import SendMessage
from flows.engine.state import RunState
from tests.flows.engine_runs import advance, codes, context, send, spec


def fork(**config: Any) -> dict[str, Any]:
    return spec(("condition", {"true_path": 1, "false_path": 2, **config}), send("true"), send("false"))


def judge(left: Any, operator: str, right: Any = None, **config: Any) -> bool:
    """Run one condition on `state.x`."""
    flow = fork(variable="state.x", operator=operator, value=right, **config)
    effects = advance(flow, state=RunState({"x": left} if left is not ... else {})).effects
    assert isinstance(effects[0], SendMessage)
    return effects[0].content["text"] == "true"


ABSENT = ...


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("yes", "yes", True),
        (" YES ", "yes", True),
        ("Straße", "STRASSE", True),
        ("yes", "no", False),
        ("5", 5, True),
        (5, "5.0", True),
        ("007", "7", True),
        ("٢٥", 25, True),
        (12345678901234567, "12345678901234568", False),
        ("1e3", 1000, False),
        (True, "true", True),
        (True, True, True),
        (True, 1, False),
        (True, "yes", False),
        (ABSENT, "", True),
        (None, None, True),
        (ABSENT, "x", False),
        ("", None, True),
        ([1, 2], [1, 2], True),
        ({"a": 1}, {"a": 1}, True),
        ([1], "[1]", True),
        (float("nan"), "nan", True),
        ("9" * 100, "9" * 100, True),
    ],
)
def test_equal_typed_values(left: Any, right: Any, expected: bool) -> None:
    assert judge(left, "==", right) is expected
    assert judge(left, "!=", right) is not expected


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [("Yes", "yes", False), (" yes", "yes", True), ("007", "7", False), (7, "7", True), ("yes", "yes", True)],
)
def test_equal_case_sensitive_compares_letters(left: Any, right: Any, expected: bool) -> None:
    assert judge(left, "==", right, case_sensitive=True) is expected


@pytest.mark.parametrize(
    ("left", "right", "order"),
    [
        ("10", "9", 1),
        (10, "10.0", 0),
        ("-3", 2, -1),
        ("2026-03-09", "2026-03-10", -1),
        ("2026-03-09T12:00:00+05:00", "2026-03-09T07:00:00Z", 0),
        ("2026-03-09", "2026-03-08T23:59:59Z", 1),
        ("apple", "Banana", -1),
        ("abc", 5, None),
        ("5", "abc", None),
        ("2026-03-09", "abc", None),
        ("2026-13-45", "2026-03-09", None),
        ("", 5, None),
        ("", "a", None),
        (ABSENT, 5, None),
        (ABSENT, "a", None),
    ],
)
def test_order_typed_values(left: Any, right: Any, order: int | None) -> None:
    judged = {operator: judge(left, operator, right) for operator in ("<", ">", "<=", ">=")}
    assert judged == {
        "<": order == -1,
        ">": order == 1,
        "<=": order in (-1, 0),
        ">=": order in (1, 0),
    }


@pytest.mark.parametrize(
    ("left", "operator", "right", "expected"),
    [
        ("I want PIZZA", "contains", "pizza", True),
        ("I want soup", "contains", "pizza", False),
        (["a", "B"], "contains", "b", True),
        (["a"], "contains", "c", False),
        ({"k": 1}, "contains", "k", True),
        ({"k": 1}, "contains", 1, False),
        (12345, "contains", 34, True),
        (ABSENT, "contains", "x", False),
        ("Hello there", "starts_with", "hello", True),
        ("Hello there", "starts_with", "there", False),
        ("Hello there", "ends_with", "THERE", True),
        ("Hello there", "ends_with", "hello", False),
        (ABSENT, "starts_with", "x", False),
        ("red", "in", "Red, green", True),
        ("blue", "in", "red, green", False),
        ("2", "in", [1, 2], True),
        ("2", "in", 2, True),
        (ABSENT, "in", "red", False),
    ],
)
def test_containment_values(left: Any, operator: str, right: Any, expected: bool) -> None:
    assert judge(left, operator, right) is expected


def test_not_contains_is_the_opposite_of_contains() -> None:
    assert [judge("soup", "not_contains", "pizza"), judge("pizza", "not_contains", "pizza")] == [True, False]


@pytest.mark.parametrize(
    ("left", "exists", "empty"),
    [
        (ABSENT, False, True),
        (None, False, True),
        ("", True, True),
        (" \n", True, True),
        ([], True, True),
        ({}, True, True),
        (0, True, False),
        (False, True, False),
        ("x", True, False),
        ([None], True, False),
    ],
)
def test_presence_values(left: Any, exists: bool, empty: bool) -> None:
    judged = (judge(left, "exists"), judge(left, "not_exists"), judge(left, "is_empty"))
    assert judged == (exists, not exists, empty)


@pytest.mark.parametrize("operator", ["==", "in", "contains", "starts_with"])
def test_value_with_placeholder_is_filled_in(operator: str) -> None:
    flow = fork(variable="state.x", operator=operator, value="{{contact.first_name}}")
    result = advance(flow, state=RunState({"x": "ada"}), within=context(first_name="Ada"))
    assert result.logs[0].outcome == "true"


@pytest.mark.parametrize("operator", ["contains", "starts_with", "ends_with", ">", "<="])
def test_value_that_turns_out_missing_is_false(operator: str) -> None:
    assert judge("anything", operator, "{{state.gone}}") is False


@pytest.mark.parametrize(
    "variable", ["contact.first_name", "{{contact.first_name}}", " {{ contact.first_name }} "]
)
def test_variable_with_and_without_braces_is_read(variable: str) -> None:
    flow = fork(variable=variable, operator="==", value="ada")
    assert codes(flow) == []
    assert advance(flow, within=context(first_name="Ada")).logs[0].outcome == "true"


@pytest.mark.parametrize(
    ("variable", "within"),
    [
        ("contact.attribute.city", context(attribute={"city": "Lahore"})),
        ("message.text", context(message={"text": "lahore"})),
    ],
)
def test_variable_of_contact_and_message_is_read(variable: str, within: Any) -> None:
    result = advance(fork(variable=variable, operator="==", value="Lahore"), within=within)
    assert result.logs[0].outcome == "true"


@pytest.mark.parametrize(
    ("config", "path", "code"),
    [
        ({"operator": "=="}, "variable", "bad_variable"),
        ({"variable": 5, "operator": "=="}, "variable", "bad_variable"),
        ({"variable": "state.x()", "operator": "=="}, "variable", "bad_variable"),
        ({"variable": "{{state.x|upper}}", "operator": "=="}, "variable", "bad_variable"),
        ({"variable": "state.x"}, "operator", "bad_operator"),
        ({"variable": "state.x", "operator": "~"}, "operator", "bad_operator"),
        ({"variable": "state.x", "operator": ["=="]}, "operator", "bad_operator"),
        ({"variable": "state.x", "operator": "in"}, "value", "missing_value"),
        ({"variable": "state.x", "operator": "in", "value": []}, "value", "missing_value"),
        ({"variable": "state.x", "operator": "contains", "value": " "}, "value", "missing_value"),
        ({"variable": "state.x", "operator": "==", "value": "{{"}, "value", "unclosed"),
        ({"variable": "state.x", "operator": "in", "value": ["{{x y}}"]}, "value.0", "bad_syntax"),
        ({"variable": "state.x", "operator": "==", "case_sensitive": 1}, "case_sensitive", "bad_flag"),
        ({"variable": "state.x", "operator": "==", "true_path": "a"}, "true_path", "bad_target"),
    ],
)
def test_condition_bad_config_is_a_problem(config: dict[str, Any], path: str, code: str) -> None:
    assert codes(spec(("condition", config))) == [(0, path, code)]
