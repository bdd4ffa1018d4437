"""Call a web service and keep its answer."""

from collections.abc import Callable
from typing import Any, ClassVar, Final

from chatboost.core import interpolation
from flows.engine import variables
from flows.engine.effects import CallWebhook, LogEntry, LogLevel
from flows.engine.events import Event, Resumed, WebhookAnswered
from flows.engine.frame import IGNORE, PAUSE, Frame
from flows.engine.kinds import CompiledNode, Config, NodeKind, target
from flows.engine.nodes import http_parts
from flows.engine.problems import Problem, error
from flows.engine.state import Wait, WaitKind
from flows.engine.values import is_shallow

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


class WebhookActionNode(NodeKind):
    """`{"url", "method": "POST", "headers"?, "body"?, "store_response_in"?, "next", "error_path"?}`.

    The run waits for the answer. Its body is stored in `store_response_in` (`state.api_result`), its status
    and error beside it with `_status` and `_error` added. No answer, or a status outside 200 to 299, is an
    error: the run takes `error_path`, or `next` where there is none. A body of text that is JSON is treated
    as JSON, so that no value can break out of its quotes.
    """

    name: ClassVar[str] = "webhook_action"
    exits: ClassVar[tuple[str, ...]] = ("next", "error_path")

    def check(self, config: Config) -> list[Problem]:
        """Check every part of the request."""
        problems = http_parts.check_url(config.get("url"))
        method = _method(config)
        if method not in _METHODS:
            problems.append(error("method", "bad_method", f"Choose one of {', '.join(_METHODS)}."))
        problems += http_parts.check_headers(config.get("headers") or {})
        body = config.get("body")
        if body is not None and method == "GET":
            problems.append(error("body", "unexpected_body", "A GET request has no body."))
        problems += http_parts.check_body(body)
        if config.get("store_response_in") is not None:
            problems += variables.check(config["store_response_in"], "store_response_in")
        return problems

    def pauses(self, config: Config) -> bool:
        """Every call waits for its answer."""
        return True

    def compile(self, number: int, config: Config) -> CompiledNode:
        """Prepare the request."""
        called = LogEntry(number, self.name, "called")
        prepare = _request(config)

        def enter(frame: Frame) -> int | None:
            frame.wait = Wait(WaitKind.WEBHOOK)
            frame.effects.append(prepare(frame))
            frame.logs.append(called)
            return PAUSE

        def resume(frame: Frame, event: Event, wait: Wait) -> int | None:
            answer = WebhookAnswered(error="skipped") if isinstance(event, Resumed) else event
            return settle(frame, answer) if isinstance(answer, WebhookAnswered) else IGNORE

        settle = _settle(number, config)
        return CompiledNode(enter, resume)


def _method(config: Config) -> Any:
    method = config.get("method", "POST")
    return method.upper() if isinstance(method, str) else method


def _request(config: Config) -> Callable[[Frame], CallWebhook]:
    """Return the function that fills in the request. Raises: NodeFailedError of `http_parts`."""
    method, store_response_in = _method(config), config.get("store_response_in")
    write_url = http_parts.url_writer(config["url"])
    write_headers = http_parts.headers_writer(config.get("headers") or {})
    body = interpolation.compile_value(http_parts.parse_body(config.get("body")))

    def prepare(frame: Frame) -> CallWebhook:
        filled = body.fill(frame.scope, frame.missing)
        return CallWebhook(method, write_url(frame), write_headers(frame), filled, store_response_in)

    return prepare


def _settle(number: int, config: Config) -> Callable[[Frame, WebhookAnswered], int | None]:
    following, failing_to = target(config, "next"), target(config, "error_path")
    answered = LogEntry(number, WebhookActionNode.name, "answered")
    place = config.get("store_response_in")
    keys = variables.keys_of(place) if place else None

    def settle(frame: Frame, answer: WebhookAnswered) -> int | None:
        code = _error_code(answer)
        if keys is not None:
            frame.store(keys, answer.body if is_shallow(answer.body) else None)
            frame.store(variables.beside(keys, "status"), answer.status)
            frame.store(variables.beside(keys, "error"), code)
        if code is None:
            frame.logs.append(answered)
            return following
        frame.logs.append(LogEntry(number, WebhookActionNode.name, "failed", LogLevel.WARNING, code))
        return following if failing_to is None else failing_to

    return settle


def _error_code(answer: WebhookAnswered) -> str | None:
    if answer.error:
        return answer.error
    if answer.status is None:
        return "no_answer"
    if not 200 <= answer.status < 300:
        return f"http_{answer.status}"
    return None if is_shallow(answer.body) else "too_deep"
