"""Storing attributes: types, refusals, and what later nodes see."""

from typing import Any

import pytest

from flows.engine.effects import Complete, SetAttribute
from flows.engine.state import RunState
from tests.flows.engine_runs import advance, codes, context, failure, send, spec, texts, warnings


def store(value: Any, value_type: str = "string", key: str = "k", **exits: int) -> tuple[str, dict[str, Any]]:
    return "set_attribute", {
        "attribute_key": key,
        "attribute_value": value,
        "value_type": value_type,
        **exits,
    }


TYPED = [
    ("string", "English", "English"),
    ("string", 25, "25"),
    ("string", True, "true"),
    ("string", ["a"], '["a"]'),
    ("string", "", ""),
    ("number", "25", 25),
    ("number", " -2.50 ", -2.5),
    ("number", 7, 7),
    ("boolean", "true", True),
    ("boolean", "No", False),
    ("boolean", 1, True),
    ("boolean", False, False),
    ("json", '{"theme": "dark", "notifications": true}', {"theme": "dark", "notifications": True}),
    ("json", {"a": [1]}, {"a": [1]}),
    ("json", "7", 7),
    ("date", "2026-03-09", "2026-03-09"),
    ("date", "2026-03-09T17:05:00Z", "2026-03-09"),
    ("datetime", "2026-03-09T17:05:00+05:00", "2026-03-09T12:05:00Z"),
    ("datetime", "2026-03-09", "2026-03-09T00:00:00Z"),
]


@pytest.mark.parametrize(("value_type", "value", "expected"), TYPED)
def test_set_attribute_fixed_value_is_stored_typed(value_type: str, value: Any, expected: Any) -> None:
    flow = spec(store(value, value_type))
    assert codes(flow) == []
    assert advance(flow).effects == [SetAttribute("k", expected, value_type), Complete()]


@pytest.mark.parametrize(("value_type", "value", "expected"), TYPED)
def test_set_attribute_value_of_placeholder_is_stored_typed(
    value_type: str, value: Any, expected: Any
) -> None:
    result = advance(spec(store("{{state.v}}", value_type)), state=RunState({"v": value}))
    assert result.effects == [SetAttribute("k", expected, value_type), Complete()]


BAD = [
    ("number", "many"),
    ("number", True),
    ("number", "1e5000"),
    ("string", "a\x00b"),
    ("string", "x" * 9000),
    ("string", "\ud800"),
    ("number", float("nan")),
    ("number", "9" * 65),
    ("boolean", "perhaps"),
    ("boolean", 2),
    ("json", "{"),
    ("json", "NaN"),
    ("json", "[" * 100 + "]" * 100),
    ("json", "[" * 30_000),
    ("date", "tomorrow"),
    ("date", "2026-02-30"),
    ("date", 20260309),
    ("datetime", "17:05"),
    ("datetime", "0001-01-01T00:00:00+14:00"),
]


@pytest.mark.parametrize(("value_type", "value"), BAD)
def test_set_attribute_fixed_value_of_wrong_type_is_a_problem(value_type: str, value: Any) -> None:
    assert codes(spec(store(value, value_type))) == [(0, "attribute_value", "invalid_attribute_value")]


@pytest.mark.parametrize(
    ("value_type", "value"), [*BAD, *((kind, ...) for kind in ("number", "json", "date"))]
)
def test_set_attribute_value_of_wrong_type_fails(value_type: str, value: Any) -> None:
    state = RunState({} if value is ... else {"v": value})
    assert failure(advance(spec(store("{{state.v}}", value_type)), state=state)) == "invalid_attribute_value"


def test_set_attribute_value_of_wrong_type_takes_error_path() -> None:
    flow = spec(store("{{state.v}}", "number", next=1, error_path=2), send("ok"), send("not a number"))
    result = advance(flow, state=RunState({"v": "many"}))
    assert texts(result.effects) == ["not a number"]
    assert [entry.outcome for entry in result.logs] == ["refused", "sent"]


def test_set_attribute_missing_text_is_stored_empty_and_logged() -> None:
    result = advance(spec(store("{{state.gone}}")))
    assert result.effects[0] == SetAttribute("k", "", "string")
    assert result.logs[0].missing == ("state.gone",)


def test_set_attribute_later_nodes_see_new_and_old_values() -> None:
    flow = spec(
        store("Lahore", key="city", next=1),
        store("{{contact.attribute.city}}!", key="shout", next=2),
        send("{{contact.attribute.shout}} {{contact.attribute.age}} {{contact.first_name}}"),
    )
    within = context(first_name="Ada", attribute={"city": "Paris", "age": 3})
    assert texts(advance(flow, within=within).effects) == ["Lahore! 3 Ada"]


def test_set_attribute_contact_without_attributes_is_fine() -> None:
    flow = spec(store("x", next=1), send("{{contact.attribute.k}}"))
    within = context()
    del within.contact["attribute"]
    assert texts(advance(flow, within=within).effects) == ["x"]


@pytest.mark.parametrize(
    ("config", "path", "code"),
    [
        ({"attribute_value": "x"}, "attribute_key", "bad_attribute_key"),
        ({"attribute_key": "a b", "attribute_value": "x"}, "attribute_key", "bad_attribute_key"),
        ({"attribute_key": "{{a}}", "attribute_value": "x"}, "attribute_key", "bad_attribute_key"),
        ({"attribute_key": "k" * 65, "attribute_value": "x"}, "attribute_key", "bad_attribute_key"),
        ({"attribute_key": "k"}, "attribute_value", "missing_value"),
        (
            {"attribute_key": "k", "attribute_value": "x", "value_type": "colour"},
            "value_type",
            "bad_value_type",
        ),
        ({"attribute_key": "k", "attribute_value": "x", "value_type": []}, "value_type", "bad_value_type"),
        ({"attribute_key": "k", "attribute_value": "{{a b}}"}, "attribute_value", "bad_syntax"),
        ({"attribute_key": "k", "attribute_value": {"a": ["{{"]}}, "attribute_value.a.0", "unclosed"),
        ({"attribute_key": "k", "attribute_value": "x", "error_path": 3}, "error_path", "missing_target"),
    ],
)
def test_set_attribute_bad_config_is_a_problem(config: dict[str, Any], path: str, code: str) -> None:
    assert codes(spec(("set_attribute", config))) == [(0, path, code)]


def test_set_attribute_key_with_a_dot_is_a_warning() -> None:
    flow = spec(store("x", key="a.b"))
    assert (codes(flow), warnings(flow)) == ([], [(0, "attribute_key", "unreadable_key")])


def test_set_attribute_long_or_foreign_text_is_stored_whole() -> None:
    text = "سلام\n" * 300
    result = advance(spec(store("{{state.v}}")), state=RunState({"v": text}))
    assert result.effects[0] == SetAttribute("k", text, "string")
