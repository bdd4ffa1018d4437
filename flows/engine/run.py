"""Run a flow: one event in, the next state and the effects out."""

import logging
from typing import Final

from chatboost.core.interpolation import InterpolationError
from flows.engine.compiler import CompiledFlow
from flows.engine.effects import Complete, Effect, Fail, LogEntry, LogLevel
from flows.engine.events import Event, Started
from flows.engine.frame import IGNORE, Context, Frame, NodeFailedError
from flows.engine.records import record
from flows.engine.state import RunState, RunStatus
from flows.engine.variables import CLOCK_VARIABLE

logger = logging.getLogger(__name__)

STEP_LIMIT: Final = 100

_COMPLETE: Final = Complete()
# Looking up a member of an enum costs as much as a call.
_READY: Final = RunStatus.READY
_WAITING: Final = RunStatus.WAITING
_COMPLETED: Final = RunStatus.COMPLETED


@record
class StepResult:
    """What came of an event; effects and logs are in order.

    `is_consumed` False: the event was not for this run. Then the state is the one that came in, unless a
    delay noted an answer in passing; the effects are to be carried out in any case.
    """

    state: RunState
    effects: list[Effect]
    logs: list[LogEntry]
    is_consumed: bool = True


def advance(flow: CompiledFlow, state: RunState, event: Event, context: Context) -> StepResult:
    """Handle one event: run nodes until one waits, the flow ends or fails.

    At most `STEP_LIMIT` nodes are entered. Nothing that is passed in is changed, and no exception comes out:
    whatever goes wrong is a `Fail` effect. The engine's codes are `step_limit, missing_node, unknown_kind,
    invalid_config, output_too_large, node_crashed`; node kinds add theirs. An event that the run doesn't wait
    for is not consumed, so late timers and second answers are harmless.
    """
    is_start = type(event) is Started
    if state.status is not (_READY if is_start else _WAITING):
        return StepResult(state, [], [], is_consumed=False)
    frame = Frame(state, event, context, flow.reads_clock)
    try:
        number = flow.entry if is_start else _resume(flow, frame, state, event)
        if number == IGNORE:
            return StepResult(state, frame.effects, frame.logs, is_consumed=False)
        if number is not None and number >= 0:
            _walk(flow, frame, number)
    except (NodeFailedError, InterpolationError) as failure:
        return _failed(flow, frame, failure.code, str(failure))
    except Exception as failure:  # a kind's bug must end one run, not the worker's batch
        logger.exception("node %s crashed", frame.number)
        return _failed(flow, frame, "node_crashed", type(failure).__name__)
    return _settled(flow, frame)


def _resume(flow: CompiledFlow, frame: Frame, state: RunState, event: Event) -> int | None:
    """Let the waiting node say where the event leads."""
    frame.number = state.node
    resume = None if state.node is None else flow.resumes.get(state.node)
    if resume is None or state.wait is None:
        raise NodeFailedError("missing_node", "The node that waited is not in this version.")
    number = resume(frame, event, state.wait)
    if frame.missing:
        frame.report_missing()
    return number


def _walk(flow: CompiledFlow, frame: Frame, number: int) -> None:
    """Enter node after node until one pauses or the flow ends; `frame.wait` tells which."""
    enters, missing = flow.enters, frame.missing
    entered = 0
    try:
        while entered < STEP_LIMIT:
            entered += 1
            following = enters[number](frame)
            if missing:
                frame.report_missing()
            if following is None or following < 0:
                return
            number = following
    finally:
        frame.number = number
        frame.steps += entered
    raise NodeFailedError("step_limit", f"More than {STEP_LIMIT} nodes without a wait.")


def _settled(flow: CompiledFlow, frame: Frame) -> StepResult:
    if flow.reads_clock:
        frame.variables.pop(CLOCK_VARIABLE, None)
    wait = frame.wait
    if wait is None:
        frame.effects.append(_COMPLETE)
        ended = RunState(frame.variables, _COMPLETED, None, frame.steps)
        return StepResult(ended, frame.effects, frame.logs)
    waiting = RunState(frame.variables, _WAITING, frame.number, frame.steps, wait)
    return StepResult(waiting, frame.effects, frame.logs, frame.is_consumed)


def _failed(flow: CompiledFlow, frame: Frame, code: str, message: str) -> StepResult:
    """End the run; what earlier nodes of this event did stands."""
    if flow.reads_clock:
        frame.variables.pop(CLOCK_VARIABLE, None)
    kind = flow.kinds.get(frame.number, "") if frame.number is not None else ""
    frame.logs.append(LogEntry(frame.number, kind, "failed", LogLevel.ERROR, f"{code}: {message}"))
    frame.report_missing()
    frame.effects.append(Fail(code, message))
    failed = RunState(frame.variables, RunStatus.FAILED, frame.number, frame.steps)
    return StepResult(failed, frame.effects, frame.logs)
