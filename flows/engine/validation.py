"""Say what is wrong with a flow before it is published."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from flows.engine import graph, registry
from flows.engine.compiler import check_node
from flows.engine.kinds import Config, NodeKind, Registry, target
from flows.engine.problems import Problem, Severity, error, warning
from flows.engine.run import STEP_LIMIT
from flows.engine.spec import FlowSpec, NodeSpec, read

# Source: Meta's Cloud API, customer service window.
SERVICE_WINDOW: Final = timedelta(hours=24)
ROOTS: Final = frozenset({"state", "contact", "message"})


def validate(spec: object, *, kinds: Registry | None = None) -> list[Problem]:
    """List the problems of a spec by node, those of the flow itself first.

    Errors: the codes of `spec.read` and of each node kind, `unknown_kind, bad_target, missing_target,
    loop_without_wait`. Warnings: `unreachable, window_closed, unknown_root, long_chain`.
    """
    flow, problems = read(spec)
    book = _Book(flow, kinds or registry.default)
    problems += book.problems
    if flow.nodes:
        problems += [*_check_reach(book), *_check_loops(book), *_check_window(book)]
    return sorted(problems, key=lambda found: -1 if found.node is None else found.node)


class _Book:
    """A flow's nodes one by one: what is wrong with each, where it leads, and which are sound."""

    def __init__(self, flow: FlowSpec, kinds: Registry) -> None:
        self.flow = flow
        self.sound: dict[int, tuple[NodeKind, Config]] = {}
        self.edges: dict[int, tuple[int, ...]] = {}
        self.problems: list[Problem] = []
        for number, node in flow.nodes.items():
            kind = kinds.get(node.kind)
            found = [_unknown_kind(node)] if kind is None else self._check(kind, number, node.config)
            self.problems += (problem.at(number) for problem in found)

    def _check(self, kind: NodeKind, number: int, config: Config) -> list[Problem]:
        targets = {name: target(config, name) for name in kind.exits}
        self.edges[number] = tuple(
            following for following in targets.values() if following in self.flow.nodes
        )
        found = check_node(kind, config)
        if not any(problem.severity is Severity.ERROR for problem in found):
            self.sound[number] = kind, config
            found += _check_roots(kind, config)
        return found + [
            error(name, "missing_target", f"There is no node {following}.")
            for name, following in targets.items()
            if following is not None and following not in self.flow.nodes
        ]


def _unknown_kind(node: NodeSpec) -> Problem:
    return error("type", "unknown_kind", f"There is no node kind {node.kind}.")


def _check_roots(kind: NodeKind, config: Config) -> list[Problem]:
    known = ", ".join(sorted(ROOTS))
    return [
        warning(place, "unknown_root", f"{path} is always empty: a name starts with {known}.")
        for place, path in kind.paths(config)
        if path.split(".", 1)[0] not in ROOTS
    ]


def _check_reach(book: _Book) -> Iterator[Problem]:
    seen = graph.reachable(book.edges, book.flow.entry)
    for number in book.flow.nodes:
        if number not in seen:
            yield warning("", "unreachable", "No way leads to this node.").at(number)


def _check_loops(book: _Book) -> Iterator[Problem]:
    """Follow only sound nodes that don't pause: what is wrong with the others has been said."""
    busy = {number for number, (kind, config) in book.sound.items() if not kind.pauses(config)}
    edges = {number: tuple(child for child in book.edges[number] if child in busy) for number in busy}
    cycles = list(graph.cycles(edges))
    for cycle in cycles:
        way = " → ".join(map(str, [*cycle, cycle[0]]))
        yield error("", "loop_without_wait", f"This loop never waits: {way}.").at(cycle[0])
    if not cycles:
        yield from _check_chains(edges)


def _check_chains(edges: graph.Edges) -> Iterator[Problem]:
    lengths = graph.longest_chains(edges)
    led_to = {child for children in edges.values() for child in children}
    for number, length in lengths.items():
        if number not in led_to and length > STEP_LIMIT:
            text = f"{length} nodes without a wait from here; a run stops after {STEP_LIMIT}."
            yield warning("", "long_chain", text).at(number)


def _check_window(book: _Book) -> Iterator[Problem]:
    if book.flow.entry not in book.edges:
        return
    ways = {
        number: tuple((child, _silence(book, number, child)) for child in children if child in book.edges)
        for number, children in book.edges.items()
    }
    ceiling = SERVICE_WINDOW + timedelta(seconds=1)
    for number, silence in graph.longest_silences(ways, book.flow.entry, ceiling).items():
        if silence > SERVICE_WINDOW and number in book.sound and book.sound[number][0].sends_free_form:
            text = "24 hours after the contact's last message only an approved template may be sent."
            yield warning("", "window_closed", text).at(number)


def _silence(book: _Book, number: int, child: int) -> timedelta | None:
    """Return how long the contact is silent from one node to the next, or None when the contact writes."""
    if number not in book.sound:
        return timedelta(0)
    kind, config = book.sound[number]
    # Where one node is behind several exits, the silent way is the one to worry about.
    exits = {name for name in kind.exits if target(config, name) == child}
    return None if kind.awaits_contact(config) and exits == {"next"} else kind.delay(config)
