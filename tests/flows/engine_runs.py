"""Short ways to build and run flows in tests of the engine."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flows.engine import compiler, run, validation
from flows.engine.effects import Effect, Fail, SendMessage
from flows.engine.events import Event, Started
from flows.engine.problems import Severity
from flows.engine.run import Context, StepResult
from flows.engine.state import RunState

NOW = datetime(2026, 3, 9, 17, 5, tzinfo=UTC)


def spec(*nodes: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """Return a spec whose nodes are numbered from 0."""
    return {
        "entry": 0,
        "nodes": [
            {"number": number, "type": kind, "config": config} for number, (kind, config) in enumerate(nodes)
        ],
    }


def send(text: str, following: int | None = None) -> tuple[str, dict[str, Any]]:
    return "send_message", {"message_type": "text", "content": {"text": text}, "next": following}


def ask(**config: Any) -> tuple[str, dict[str, Any]]:
    return "wait", {"wait_for": "input", **config}


def delay(duration: float, unit: str, following: int | None = None) -> tuple[str, dict[str, Any]]:
    return "wait", {"duration": duration, "unit": unit, "next": following}


def context(
    *, after: timedelta = timedelta(0), message: dict[str, Any] | None = None, **contact: Any
) -> Context:
    return Context({"attribute": {}, **contact}, NOW + after, message or {})


def advance(
    flow: dict[str, Any],
    event: Event | None = None,
    *,
    state: RunState | None = None,
    within: Context | None = None,
) -> StepResult:
    """Start a flow, or pass an event on to a state of it."""
    compiled = compiler.compile_version(flow)
    return run.advance(compiled, state or RunState(), event or Started(), within or context())


def texts(effects: list[Effect]) -> list[str]:
    """Return the texts that are sent."""
    return [effect.content["text"] for effect in effects if isinstance(effect, SendMessage)]


def failure(result: StepResult) -> str | None:
    """Return the code of the failure, if the run has failed."""
    return next((effect.code for effect in result.effects if isinstance(effect, Fail)), None)


def codes(flow: object) -> list[tuple[int | None, str, str]]:
    """Return (node, path, code) of each error."""
    found = validation.validate(flow)
    return [(item.node, item.path, item.code) for item in found if item.severity is Severity.ERROR]


def warnings(flow: object) -> list[tuple[int | None, str, str]]:
    """Return (node, path, code) of each warning."""
    found = validation.validate(flow)
    return [(item.node, item.path, item.code) for item in found if item.severity is Severity.WARNING]
