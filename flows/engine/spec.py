"""Read the JSON that was frozen when a flow was published."""

from collections.abc import Iterator
from typing import Any, Final

from flows.engine.kinds import is_number
from flows.engine.problems import Problem, error
from flows.engine.records import record

MAX_NODES: Final = 1000


@record
class NodeSpec:
    """One node as published."""

    number: int
    kind: str
    config: dict[str, Any]


@record
class FlowSpec:
    """A flow as published: `{"entry": 0, "nodes": [{"number", "type", "config"}]}`; `entry` defaults to 0."""

    entry: int
    nodes: dict[int, NodeSpec]


def read(spec: object) -> tuple[FlowSpec, list[Problem]]:
    """Return what can be read of a spec, and what can't. Never raises."""
    problems: list[Problem] = []
    nodes: dict[int, NodeSpec] = {}
    for index, item in enumerate(_items(spec, problems)):
        node = _node(item)
        if isinstance(node, Problem):
            problems.append(Problem(None, f"nodes.{index}.{node.path}", node.code, node.message))
        elif node.number in nodes:
            problems.append(Problem(node.number, "number", "duplicate_number", "Two nodes have this number."))
        else:
            nodes[node.number] = node
    return FlowSpec(_entry(spec, nodes, problems), nodes), problems


def _items(spec: object, problems: list[Problem]) -> Iterator[object]:
    items = spec.get("nodes") if isinstance(spec, dict) else None
    if not isinstance(items, list):
        problems.append(error("nodes", "bad_spec", 'A flow is written as {"entry": 0, "nodes": [...]}.'))
        return
    if not items:
        problems.append(error("nodes", "no_nodes", "The flow has no nodes."))
    if len(items) > MAX_NODES:
        problems.append(error("nodes", "too_many_nodes", f"A flow has {MAX_NODES} nodes at most."))
    yield from items


def _node(item: object) -> NodeSpec | Problem:
    if not isinstance(item, dict):
        return error("", "bad_node", "A node is an object.")
    number, kind, config = item.get("number"), item.get("type"), item.get("config", {})
    if type(number) is not int or not is_number(number):
        return error("number", "bad_number", "A node's number is a whole number from 0.")
    if not isinstance(kind, str):
        return error("type", "bad_type", "A node's type is a name.")
    if not isinstance(config, dict):
        return error("config", "bad_config", "A node's config is an object.")
    return NodeSpec(number, kind, config)


def _entry(spec: object, nodes: dict[int, NodeSpec], problems: list[Problem]) -> int:
    entry = spec.get("entry", 0) if isinstance(spec, dict) else 0
    if type(entry) is not int or (nodes and entry not in nodes):
        problems.append(error("entry", "missing_entry", "The flow's first node doesn't exist."))
    return entry if type(entry) is int else 0
