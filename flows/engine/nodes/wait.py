"""Wait for some time, or for what the contact writes next."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar, Final

from flows.engine import durations, variables
from flows.engine.effects import AwaitInput, LogEntry, StartTimer
from flows.engine.events import Event, InputReceived, Resumed, TimerFired
from flows.engine.frame import IGNORE, PAUSE, Frame
from flows.engine.kinds import CompiledNode, Config, NodeKind, target
from flows.engine.problems import Problem, error
from flows.engine.state import Wait, WaitKind

DEFAULT_VARIABLE: Final = "state.user_response"


class WaitNode(NodeKind):
    """A delay or a question's answer.

    Delay: `{"duration": 5, "unit": "minutes", "next"}`. What the contact writes meanwhile is noted in
    `state.user_response` but not consumed: other handlers get it too, and the delay goes on.

    Input: `{"wait_for": "input", "variable"?, "timeout"?: {"duration", "unit"}, "next", "timeout_path"?}`;
    `type` may stand for `wait_for`. The answer is stored in the variable (`state.user_response` unless
    named): its text, or the payload of a message without text. A chosen button's or row's id is stored beside
    it with `_id` added. Without `timeout_path` a timeout ends the flow.
    """

    name: ClassVar[str] = "wait"
    exits: ClassVar[tuple[str, ...]] = ("next", "timeout_path")

    def check(self, config: Config) -> list[Problem]:
        """Check durations and the variable."""
        match _what(config):
            case "duration":
                return durations.check(config)
            case "input":
                return _check_input(config)
            case _:
                return [error("wait_for", "bad_wait", "Wait for duration or input.")]

    def pauses(self, config: Config) -> bool:
        """Every wait pauses."""
        return True

    def awaits_contact(self, config: Config) -> bool:
        """Only an input's `next` means that the contact has written."""
        return bool(_what(config) == "input")

    def delay(self, config: Config) -> timedelta:
        """Return the delay, or the timeout of an input."""
        if _what(config) == "duration":
            return durations.read(config)
        return durations.read(config["timeout"]) if config.get("timeout") else timedelta(0)

    def compile(self, number: int, config: Config) -> CompiledNode:
        """Prepare one of the two waits."""
        return _delay(number, config) if _what(config) == "duration" else _input(number, config)


def _what(config: Config) -> Any:
    return config.get("wait_for") or config.get("type") or "duration"


def _check_input(config: Config) -> list[Problem]:
    problems = variables.check(config.get("variable", DEFAULT_VARIABLE), "variable")
    timeout = config.get("timeout")
    if timeout is None:
        if config.get("timeout_path") is not None:
            problems.append(error("timeout", "missing_timeout", "Say after how long timeout_path is taken."))
        return problems
    if not isinstance(timeout, dict):
        return [*problems, error("timeout", "bad_duration", "A timeout has a duration and a unit.")]
    return problems + durations.check(timeout, "timeout")


def _delay(number: int, config: Config) -> CompiledNode:
    span, following = durations.read(config), target(config, "next")
    waiting, over, skipped, noted = _entries(number, "waiting", "over", "skipped", "noted")
    note = _noter(DEFAULT_VARIABLE)

    def enter(frame: Frame) -> int | None:
        until = frame.now + span
        frame.wait = Wait(WaitKind.TIMER, until)
        frame.effects.append(StartTimer(until))
        frame.logs.append(waiting)
        return PAUSE

    def resume(frame: Frame, event: Event, wait: Wait) -> int | None:
        if isinstance(event, Resumed):
            frame.logs.append(skipped)
            return following
        if isinstance(event, TimerFired) and _is_due(frame, wait):
            frame.logs.append(over)
            return following
        if isinstance(event, InputReceived) and wait.until is not None:
            note(frame, event)
            frame.logs.append(noted)
            # The state has changed, and whoever ties timers to states needs one for the new state.
            frame.effects.append(StartTimer(wait.until))
            frame.wait, frame.is_consumed = wait, False
            return PAUSE
        return IGNORE

    return CompiledNode(enter, resume)


def _input(number: int, config: Config) -> CompiledNode:
    timeout = durations.read(config["timeout"]) if config.get("timeout") else None
    following, timed_out_to = target(config, "next"), target(config, "timeout_path")
    waiting, answered, timed_out, skipped = _entries(number, "waiting", "answered", "timed_out", "skipped")
    note = _noter(config.get("variable", DEFAULT_VARIABLE))
    open_ended, await_for_ever = Wait(WaitKind.INPUT), AwaitInput(None)

    def enter(frame: Frame) -> int | None:
        frame.logs.append(waiting)
        if timeout is None:
            frame.wait = open_ended
            frame.effects.append(await_for_ever)
            return PAUSE
        until = frame.now + timeout
        frame.wait = Wait(WaitKind.INPUT, until)
        frame.effects.append(AwaitInput(until))
        return PAUSE

    def resume(frame: Frame, event: Event, wait: Wait) -> int | None:
        if isinstance(event, InputReceived):
            note(frame, event)
            frame.logs.append(answered)
            return following
        if isinstance(event, Resumed):
            frame.logs.append(skipped)
            return timed_out_to if timeout else following
        if isinstance(event, TimerFired) and _is_due(frame, wait):
            frame.logs.append(timed_out)
            return timed_out_to
        return IGNORE

    return CompiledNode(enter, resume)


def _entries(number: int, *outcomes: str) -> list[LogEntry]:
    return [LogEntry(number, WaitNode.name, outcome) for outcome in outcomes]


def _is_due(frame: Frame, wait: Wait) -> bool:
    """Tell whether a timer may fire; one that is early, by a skewed clock, is set again."""
    if wait.until is None:
        return False
    if frame.now < wait.until:
        frame.effects.append(StartTimer(wait.until))
        return False
    return True


def _noter(variable: str) -> Callable[[Frame, InputReceived], None]:
    """Return what stores an answer, and the chosen button's or row's id beside it; an older id is cleared."""
    keys = variables.keys_of(variable)
    companion = variables.beside(keys, "id")

    def note(frame: Frame, event: InputReceived) -> None:
        frame.store(keys, event.text or event.payload or "")
        if event.reply_id or frame.has(companion):
            frame.store(companion, event.reply_id or None)

    return note
