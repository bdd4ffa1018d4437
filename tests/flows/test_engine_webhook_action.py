"""Calling web services: what is sent, what can't be smuggled in, and what the answer does."""

from typing import Any

import pytest

from flows.engine.effects import CallWebhook, Complete
from flows.engine.events import InputReceived, Resumed, TimerFired, WebhookAnswered
from flows.engine.state import RunState, RunStatus, Wait, WaitKind
from tests.flows.engine_runs import advance, codes, context, failure, send, spec, texts

SOURCE_NODE = {
    "url": "https://api.example.com/webhook",
    "method": "POST",
    "headers": {"Authorization": "Bearer {{state.api_token}}"},
    "body": {"data": "{{state.user_data}}"},
    "store_response_in": "state.api_result",
    "next": 1,
}
FLOW = spec(
    ("webhook_action", {**SOURCE_NODE, "error_path": 2}), send("{{state.api_result.id}}"), send("sorry")
)


def call(variables: dict[str, Any] | None = None, **config: Any) -> Any:
    """Return the effect of one webhook node, or the code of its failure."""
    flow = spec(("webhook_action", {"url": "https://api.example.com", **config}))
    assert codes(flow) == []
    result = advance(flow, state=RunState(variables or {}), within=context(first_name="Ada"))
    return failure(result) or result.effects[0]


def problems(**config: Any) -> list[tuple[str, str]]:
    found = codes(spec(("webhook_action", {"url": "https://api.example.com", **config})))
    return [(path, code) for _node, path, code in found]


def test_webhook_source_example_calls_and_waits() -> None:
    result = advance(FLOW, state=RunState({"api_token": "t0k3n", "user_data": {"a": [1]}}))
    assert codes(FLOW) == []
    assert result.effects == [
        CallWebhook(
            "POST",
            "https://api.example.com/webhook",
            {"Authorization": "Bearer t0k3n"},
            {"data": {"a": [1]}},
            "state.api_result",
        )
    ]
    assert (result.state.status, result.state.wait) == (RunStatus.WAITING, Wait(WaitKind.WEBHOOK))


def answer(event: WebhookAnswered | Resumed, flow: dict[str, Any] = FLOW) -> Any:
    return advance(flow, event, state=advance(flow).state)


def test_webhook_answer_is_stored_and_next_taken() -> None:
    result = answer(WebhookAnswered(201, {"id": 7}))
    assert texts(result.effects) == ["7"]
    assert result.state.variables == {
        "api_result": {"id": 7},
        "api_result_status": 201,
        "api_result_error": None,
    }


@pytest.mark.parametrize(
    ("event", "status", "code"),
    [
        (WebhookAnswered(500, {"id": 7}), 500, "http_500"),
        (WebhookAnswered(302, ""), 302, "http_302"),
        (WebhookAnswered(error="timeout"), None, "timeout"),
        (WebhookAnswered(), None, "no_answer"),
        (Resumed(), None, "skipped"),
    ],
)
def test_webhook_error_takes_error_path(event: WebhookAnswered, status: int | None, code: str) -> None:
    result = answer(event)
    assert texts(result.effects) == ["sorry"]
    assert result.state.variables["api_result_status"] == status
    assert result.state.variables["api_result_error"] == code


def test_webhook_error_without_error_path_goes_on() -> None:
    flow = spec(("webhook_action", SOURCE_NODE), send("on"))
    result = answer(WebhookAnswered(error="refused"), flow)
    assert texts(result.effects) == ["on"]
    assert (result.logs[0].level, result.logs[0].message) == ("warning", "refused")


def test_webhook_error_path_at_the_start_of_the_flow_is_taken() -> None:
    flow = spec(("webhook_action", {"url": "https://a.example", "next": None, "error_path": 0}))
    assert answer(WebhookAnswered(error="x"), flow).state.status is RunStatus.WAITING


def test_webhook_answer_too_deep_is_an_error() -> None:
    body: Any = 1
    for _ in range(50):
        body = [body]
    result = answer(WebhookAnswered(200, body))
    assert (result.state.variables["api_result"], texts(result.effects)) == (None, ["sorry"])


def test_webhook_without_store_keeps_state() -> None:
    flow = spec(("webhook_action", {"url": "https://a.example"}))
    result = answer(WebhookAnswered(200, {"big": "body"}), flow)
    assert (result.state.variables, result.effects) == ({}, [Complete()])


@pytest.mark.parametrize("event", [InputReceived("x"), TimerFired()])
def test_webhook_waiting_ignores_other_events(event: Any) -> None:
    state = advance(FLOW).state
    result = advance(FLOW, event, state=state)
    assert (result.state, result.effects, result.is_consumed) == (state, [], False)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "put"])
def test_webhook_method_is_passed_on_in_capitals(method: str) -> None:
    assert call(method=method).method == method.upper()


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ("a b", "a%20b"),
        ("a/b", "a%2Fb"),
        ("a?b=c&d#e", "a%3Fb%3Dc%26d%23e"),
        ("../..", "..%2F.."),
        ("@evil.example", "%40evil.example"),
        ("\\evil", "%5Cevil"),
        ("%2e%2e", "%252e%252e"),
        ("a\r\nX: y", "a%0D%0AX%3A%20y"),
        ("\x00", "%00"),
        ("é", "%C3%A9"),
        ("\ud800", "%3F"),
        ("{{state.v}}", "%7B%7Bstate.v%7D%7D"),
        (5, "5"),
    ],
)
def test_webhook_url_value_stays_in_its_part(value: Any, encoded: str) -> None:
    effect = call({"v": value}, url="https://api.example.com/u/x{{state.v}}?q={{state.v}}")
    assert effect.url == f"https://api.example.com/u/x{encoded}?q={encoded}"


@pytest.mark.parametrize(
    ("url", "value"),
    [
        ("https://a.example/u/{{state.v}}/me", ".."),
        ("https://a.example/u/{{state.v}}", "."),
        ("https://a.example/u/.{{state.v}}/me", "."),
        ("https://a.example/u/{{state.v}}{{state.v}}?x", "."),
        ("https://a.example/u/{{state.v}}", "x" * 9000),
    ],
)
def test_webhook_url_that_leaves_its_path_fails(url: str, value: str) -> None:
    assert call({"v": value}, url=url) == "unsafe_url"


def test_webhook_url_dots_in_query_are_harmless() -> None:
    effect = call({"v": ".."}, url="https://a.example/x?to=/{{state.v}}/")
    assert effect.url == "https://a.example/x?to=/../"


@pytest.mark.parametrize(
    "url",
    [
        None,
        7,
        "",
        "api.example.com",
        "//api.example.com",
        "ftp://api.example.com",
        "file:///etc/hosts",
        "gopher://x",
        "javascript:alert(1)",
        "https://",
        "https:///path",
        "https://:443/",
        "https://a.example:0/",
        "https://a.example:port/",
        "https://a.example:99999/",
        "https://[::1/",
        "https://user:pass@a.example/",
        "https://a.example@evil.example/",
        "https://a.example\\@evil.example/",
        "{{state.url}}",
        "{{state.scheme}}://a.example",
        "https://{{state.host}}/x",
        "https://{{state.host}}.example.com/x",
        "https://a.example:{{state.port}}/x",
        'https://{{x|default("a/b")}}/',
    ],
)
def test_webhook_url_without_fixed_origin_is_a_problem(url: Any) -> None:
    assert ("url", "bad_url") in problems(url=url)


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/a b",
        "https://a.example/a\r\nHost: b",
        "https://a.example/a\x00",
        "https://a.example/\\b",
        "https://a.example/x/../y",
        "https://a.example/%2e%2E/y",
        "https://a.example/./y",
    ],
)
def test_webhook_url_with_unsafe_letters_is_a_problem(url: str) -> None:
    assert problems(url=url) == [("url", "unsafe_url")]


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example",
        "HTTP://a.example:8080/x",
        "https://a.example?x={{state.v}}",
        "https://[2001:db8::1]:8443/x",
        "https://a.example/x.json?a=1#b",
        "https://مثال.example/é",
    ],
)
def test_webhook_url_with_fixed_origin_is_accepted(url: str) -> None:
    assert problems(url=url) == []


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\x00b", "\x1b[0m", "a\x7f", "\r\n"])
def test_webhook_header_value_with_control_character_fails(value: str) -> None:
    assert call({"v": value}, headers={"X-Name": "Hi {{state.v}}"}) == "unsafe_header"


@pytest.mark.parametrize(
    ("value", "written"),
    [("Ada", "Ada"), ("a\tb", "a%09b"), ('q"; x=1', 'q"; x=1'), ("علی", "%D8%B9%D9%84%DB%8C"), (" ", "")],
)
def test_webhook_header_value_is_written_in_ascii(value: str, written: str) -> None:
    assert call({"v": value}, headers={"X-Name": "{{state.v}}"}).headers == {"X-Name": written}


def test_webhook_header_value_too_long_fails() -> None:
    assert call({"v": "x" * 9000}, headers={"X-Name": "{{state.v}}"}) == "unsafe_header"


@pytest.mark.parametrize(
    ("headers", "path", "code"),
    [
        ("X: y", "headers", "bad_headers"),
        ({f"X-{number}": "y" for number in range(33)}, "headers", "bad_headers"),
        ({"": "y"}, "headers.", "bad_header_name"),
        ({"X Y": "y"}, "headers.X Y", "bad_header_name"),
        ({"X:": "y"}, "headers.X:", "bad_header_name"),
        ({"X\r\nY": "y"}, "headers.X\r\nY", "bad_header_name"),
        ({"{{state.v}}": "y"}, "headers.{{state.v}}", "bad_header_name"),
        ({"Ключ": "y"}, "headers.Ключ", "bad_header_name"),
        ({"Host": "evil.example"}, "headers.Host", "forbidden_header"),
        ({"content-length": "0"}, "headers.content-length", "forbidden_header"),
        ({"TRANSFER-ENCODING": "chunked"}, "headers.TRANSFER-ENCODING", "forbidden_header"),
        ({"Connection": "close"}, "headers.Connection", "forbidden_header"),
        ({"Proxy-Authorization": "x"}, "headers.Proxy-Authorization", "forbidden_header"),
        ({"X-A": 5}, "headers.X-A", "bad_header_value"),
        ({"X-A": None}, "headers.X-A", "bad_header_value"),
        ({"X-A": "a\r\nb"}, "headers.X-A", "bad_header_value"),
        ({"X-A": "a\x00"}, "headers.X-A", "bad_header_value"),
        ({"X-A": "naïve"}, "headers.X-A", "bad_header_value"),
        ({"X-A": "x" * 8193}, "headers.X-A", "bad_header_value"),
        ({"X-A": "{{state.v"}, "headers.X-A", "unclosed"),
        ({"X-A": "1", "x-a": "2"}, "headers", "duplicate_header"),
    ],
)
def test_webhook_bad_header_is_a_problem(headers: Any, path: str, code: str) -> None:
    assert problems(headers=headers) == [(path, code)]


def test_webhook_body_text_of_json_keeps_values_in_quotes() -> None:
    effect = call({"v": '", "admin": true, "x": "'}, body='{"name": "{{state.v}}", "n": 1}')
    assert effect.body == {"name": '", "admin": true, "x": "', "n": 1}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (None, None),
        ("name={{contact.first_name}}", "name=Ada"),
        ("{{contact.first_name}}", "Ada"),
        ('[1, "{{contact.first_name}}"]', [1, "Ada"]),
        ({"a": {"b": ["{{contact.first_name}}", 1, None, True]}}, {"a": {"b": ["Ada", 1, None, True]}}),
        (5, 5),
    ],
)
def test_webhook_body_is_filled_in(body: Any, expected: Any) -> None:
    assert call(body=body).body == expected


def test_webhook_body_over_the_cap_fails() -> None:
    assert call({"v": ["x" * 40_000]}, body=["{{state.v}}", "{{state.v}}"]) == "output_too_large"


DEEP: Any = "x"
for _ in range(40):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("config", "path", "code"),
    [
        ({"method": "TRACE"}, "method", "bad_method"),
        ({"method": None}, "method", "bad_method"),
        ({"method": ["GET"]}, "method", "bad_method"),
        ({"method": "GET", "body": {}}, "body", "unexpected_body"),
        ({"body": '{"n": {{state.n}}}'}, "body", "bad_json"),
        ({"body": "[1, 2"}, "body", "bad_json"),
        ({"body": {"a": "{{x y}}"}}, "body.a", "bad_syntax"),
        ({"body": '{"a": "{{x y}}"}'}, "body.a", "bad_syntax"),
        ({"body": DEEP}, "body", "too_deep"),
        ({"store_response_in": "api_result"}, "store_response_in", "bad_variable"),
        ({"store_response_in": "state.current_time"}, "store_response_in", "reserved_variable"),
        ({"url": "https://a.example/{{state.v"}, "url", "unclosed"),
        ({"url": "https://a.example/" + "x" * 9000}, "url", "text_too_long"),
        ({"error_path": "x"}, "error_path", "bad_target"),
    ],
)
def test_webhook_bad_config_is_a_problem(config: dict[str, Any], path: str, code: str) -> None:
    assert problems(**config) == [(path, code)]
