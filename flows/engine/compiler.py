"""Turn a published spec into closures, once per version and process."""

from collections.abc import Mapping
from typing import Any

from flows.engine import registry
from flows.engine.frame import Frame, NodeFailedError
from flows.engine.kinds import CompiledNode, Enter, NodeKind, Registry, Resume, is_number, target
from flows.engine.problems import Problem, Severity, error
from flows.engine.records import record
from flows.engine.spec import FlowSpec, NodeSpec, read
from flows.engine.variables import CLOCK_VARIABLE, STATE


@record
class CompiledFlow:
    """A flow version ready to run: never changed, shared by all runs and threads."""

    entry: int
    enters: Mapping[int, Enter]
    resumes: Mapping[int, Resume]
    kinds: Mapping[int, str]
    reads_clock: bool


def compile_version(spec: object, *, kinds: Registry | None = None) -> CompiledFlow:
    """Compile a spec. Never raises: a node that can't run fails its run when it is reached.

    A version may have been published before a kind was removed or its rules were tightened.
    """
    known = kinds or registry.default
    flow, _problems = read(spec)
    nodes = {number: _compile(node, known) for number, node in flow.nodes.items()}
    enters = {number: node.enter for number, node in nodes.items()}
    return CompiledFlow(
        entry=flow.entry,
        enters=_missing(flow, known) | enters,
        resumes={number: node.resume for number, node in nodes.items() if node.resume},
        kinds={number: node.kind for number, node in flow.nodes.items()},
        reads_clock=_reads_clock(flow, known),
    )


def check_node(kind: NodeKind, config: dict[str, Any]) -> list[Problem]:
    """List what is wrong with a node by itself: its config and the form of its exits."""
    return kind.check(config) + [
        error(name, "bad_target", "Name a node by its number, or leave it empty to end the flow.")
        for name in kind.exits
        if config.get(name) is not None and not is_number(config[name])
    ]


def errors_of(kind: NodeKind, config: dict[str, Any]) -> list[Problem]:
    """List what forbids a node to run."""
    return [found for found in check_node(kind, config) if found.severity is Severity.ERROR]


def _compile(node: NodeSpec, kinds: Registry) -> CompiledNode:
    kind = kinds.get(node.kind)
    if kind is None:
        return _failing("unknown_kind", f"There is no node kind {node.kind}.")
    errors = errors_of(kind, node.config)
    if errors:
        return _failing("invalid_config", f"{errors[0].path}: {errors[0].message}")
    return kind.compile(node.number, node.config)


def _failing(code: str, message: str) -> CompiledNode:
    def enter(frame: Frame) -> int | None:
        raise NodeFailedError(code, message)

    return CompiledNode(enter)


def _missing(flow: FlowSpec, kinds: Registry) -> dict[int, Enter]:
    """Return a failing node for every number that is named and may not exist, to spare each step a check."""
    exits = ((node.config, kind.exits) for node in flow.nodes.values() if (kind := kinds.get(node.kind)))
    named = {target(config, name) for config, names in exits for name in names} | {flow.entry}
    return {
        number: _failing("missing_node", f"There is no node {number}.").enter
        for number in named
        if number is not None
    }


def _reads_clock(flow: FlowSpec, kinds: Registry) -> bool:
    clock = {STATE, f"{STATE}.{CLOCK_VARIABLE}"}
    runnable = (
        (kind, node.config)
        for node in flow.nodes.values()
        if (kind := kinds.get(node.kind)) and not errors_of(kind, node.config)
    )
    return any(path in clock for kind, config in runnable for _place, path in kind.paths(config))
