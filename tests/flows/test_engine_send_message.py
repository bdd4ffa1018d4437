"""Sending: texts, buttons and lists, before publishing and with values in."""

from typing import Any

import pytest

from flows.engine.effects import SendMessage
from flows.engine.state import RunState
from tests.flows.engine_runs import advance, codes, failure, send, spec


def interactive(**content: Any) -> dict[str, Any]:
    return spec(("send_message", {"message_type": "interactive", "content": content, "next": None}))


def buttons(*titles: str, **content: Any) -> dict[str, Any]:
    choices = [{"id": f"b{number}", "title": title} for number, title in enumerate(titles)]
    return interactive(**{"body": "Choose", "buttons": choices, **content})


def listing(*sections: dict[str, Any], **content: Any) -> dict[str, Any]:
    return interactive(**{"body": "Choose", "button": "Open", "sections": list(sections), **content})


def section(count: int, title: str | None = "Part", first: int = 0) -> dict[str, Any]:
    rows = [{"id": f"r{number}", "title": f"Row {number}"} for number in range(first, first + count)]
    return {"title": title, "rows": rows}


def test_text_longest_is_sent() -> None:
    flow = spec(send("x" * 4096))
    assert codes(flow) == []
    assert advance(flow).effects[0] == SendMessage("text", {"text": "x" * 4096})


def test_text_message_type_is_text_by_default() -> None:
    flow = spec(("send_message", {"content": {"text": "x"}}))
    assert advance(flow).effects[0] == SendMessage("text", {"text": "x"})


@pytest.mark.parametrize(
    ("config", "path", "code"),
    [
        ({}, "content", "bad_content"),
        ({"content": {}}, "content.text", "bad_text"),
        ({"content": {"text": 7}}, "content.text", "bad_text"),
        ({"content": {"text": " \n"}}, "content.text", "empty_text"),
        ({"content": {"text": "x" * 4097}}, "content.text", "text_too_long"),
        ({"content": {"text": "Hi {{contact.first_name"}}, "content.text", "unclosed"),
        ({"content": {"text": "Hi {{contact.first_name|shout}}"}}, "content.text", "unknown_filter"),
        ({"message_type": "smell", "content": {"text": "x"}}, "message_type", "bad_message_type"),
        ({"message_type": ["text"], "content": {"text": "x"}}, "message_type", "bad_message_type"),
        ({"content": {"text": "x"}, "next": -1}, "next", "bad_target"),
        ({"content": {"text": "x"}, "next": True}, "next", "bad_target"),
        ({"content": {"text": "x"}, "next": "0"}, "next", "bad_target"),
        ({"content": {"text": "x"}, "next": 5}, "next", "missing_target"),
    ],
)
def test_text_bad_config_is_a_problem(config: dict[str, Any], path: str, code: str) -> None:
    assert codes(spec(("send_message", config))) == [(0, path, code)]


@pytest.mark.parametrize(
    ("value", "code"),
    [("x" * 4096, "text_too_long"), ("x" * 70_000, "output_too_large"), ("x" * 4095, None)],
)
def test_text_with_long_value_fails_and_is_not_cut(value: str, code: str | None) -> None:
    assert failure(advance(spec(send("a{{state.v}}")), state=RunState({"v": value}))) == code


@pytest.mark.parametrize("variables", [{}, {"v": "  "}, {"v": ""}])
def test_text_empty_with_values_fails(variables: dict[str, Any]) -> None:
    assert failure(advance(spec(send(" {{state.v}}")), state=RunState(variables))) == "empty_text"


def test_text_value_with_placeholder_is_sent_as_it_is() -> None:
    result = advance(spec(send("{{state.v}}")), state=RunState({"v": "{{contact.phone}}"}))
    assert result.effects[0] == SendMessage("text", {"text": "{{contact.phone}}"})


def test_buttons_are_filled_in() -> None:
    flow = buttons("Yes {{state.n}}", "No", header="Dear {{state.n}}", footer=" ")
    result = advance(flow, state=RunState({"n": "Ada"}))
    assert codes(flow) == []
    assert result.effects[0] == SendMessage(
        "interactive",
        {
            "body": "Choose",
            "header": "Dear Ada",
            "buttons": [{"id": "b0", "title": "Yes Ada"}, {"id": "b1", "title": "No"}],
        },
    )


def test_list_is_filled_in() -> None:
    flow = listing(
        {
            "rows": [
                {"id": "a", "title": "{{state.n}}", "description": "d {{state.n}}"},
                {"id": "b", "title": "B"},
            ]
        }
    )
    result = advance(flow, state=RunState({"n": "Ada"}))
    assert codes(flow) == []
    assert result.effects[0] == SendMessage(
        "interactive",
        {
            "body": "Choose",
            "button": "Open",
            "sections": [
                {"rows": [{"id": "a", "title": "Ada", "description": "d Ada"}, {"id": "b", "title": "B"}]}
            ],
        },
    )


@pytest.mark.parametrize(
    "flow",
    [
        buttons("a", "b", "c"),
        buttons("x" * 20),
        listing(section(10)),
        listing(*(section(1, first=n) for n in range(10))),
    ],
)
def test_interactive_at_the_limit_is_accepted(flow: dict[str, Any]) -> None:
    assert codes(flow) == []


@pytest.mark.parametrize(
    ("flow", "path", "code"),
    [
        (interactive(cards=[], body="x"), "content", "bad_interactive_type"),
        (interactive(body="x", buttons=[], sections=[]), "content", "bad_interactive_type"),
        (buttons(), "content.buttons", "bad_button_count"),
        (buttons("a", "b", "c", "d"), "content.buttons", "bad_button_count"),
        (buttons("a", buttons="a"), "content.buttons", "bad_button_count"),
        (buttons("a", buttons=["a"]), "content.buttons.0", "bad_choice"),
        (buttons("x" * 21), "content.buttons.0.title", "text_too_long"),
        (buttons(""), "content.buttons.0.title", "empty_text"),
        (buttons("a", "a"), "content.buttons", "duplicate_title"),
        (
            buttons("a", buttons=[{"id": "b", "title": "1"}, {"id": "b", "title": "2"}]),
            "content.buttons",
            "duplicate_id",
        ),
        (buttons("a", buttons=[{"id": "", "title": "1"}]), "content.buttons.0.id", "bad_id"),
        (buttons("a", buttons=[{"id": "{{state.x}}", "title": "1"}]), "content.buttons.0.id", "bad_id"),
        (buttons("a", buttons=[{"id": "i" * 257, "title": "1"}]), "content.buttons.0.id", "id_too_long"),
        (buttons("a", body="x" * 1025), "content.body", "text_too_long"),
        (buttons("a", header="x" * 61), "content.header", "text_too_long"),
        (buttons("a", footer="x" * 61), "content.footer", "text_too_long"),
        (listing(), "content.sections", "bad_section_count"),
        (listing(*(section(1, first=n) for n in range(11))), "content.sections", "bad_section_count"),
        (listing(section(11)), "content.sections", "bad_row_count"),
        (listing(section(6), section(5, first=6)), "content.sections", "bad_row_count"),
        (listing(section(0)), "content.sections.0.rows", "bad_row_count"),
        (listing(section(1), section(1, None, first=1)), "content.sections.1.title", "bad_text"),
        (listing(section(1, "x" * 25)), "content.sections.0.title", "text_too_long"),
        (listing(section(1), button="x" * 21), "content.button", "text_too_long"),
        (listing(section(1), section(1)), "content.sections", "duplicate_id"),
        (listing({"rows": [{"id": "i" * 201, "title": "1"}]}), "content.sections.0.rows.0.id", "id_too_long"),
        (
            listing({"rows": [{"id": "i", "title": "x" * 25}]}),
            "content.sections.0.rows.0.title",
            "text_too_long",
        ),
        (
            listing({"rows": [{"id": "i", "title": "1", "description": "x" * 73}]}),
            "content.sections.0.rows.0.description",
            "text_too_long",
        ),
        (interactive(body="x", button="y", sections=["a"]), "content.sections.0", "bad_section"),
    ],
)
def test_interactive_over_the_limit_is_a_problem(flow: dict[str, Any], path: str, code: str) -> None:
    assert (0, path, code) in codes(flow)


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"v": "b"}, "duplicate_title"),
        ({"v": "x" * 21}, "text_too_long"),
        ({}, "empty_text"),
        ({"v": "c"}, None),
    ],
)
@pytest.mark.parametrize(
    "flow",
    [
        buttons("{{state.v}}", "b"),
        listing(
            {"rows": [{"id": "1", "title": "{{state.v}}"}, {"id": "2", "title": "b"}]}, button="{{state.v}}"
        ),
    ],
)
def test_interactive_values_that_break_a_limit_fail(
    flow: dict[str, Any], variables: dict[str, Any], code: str | None
) -> None:
    assert failure(advance(flow, state=RunState(variables))) == code
