"""What validation says about whole flows."""

from datetime import timedelta
from typing import Any

import pytest

from flows.engine import graph, validation
from flows.engine.problems import Severity
from tests.flows.engine_runs import ask, codes, delay, send, spec, warnings
from tests.flows.test_engine_run import SOURCE_FLOW


def test_validate_source_flow_finds_nothing() -> None:
    assert validation.validate(SOURCE_FLOW) == []


@pytest.mark.parametrize(
    ("flow", "path", "code"),
    [
        (None, "nodes", "bad_spec"),
        ([], "nodes", "bad_spec"),
        ({}, "nodes", "bad_spec"),
        ({"nodes": {}}, "nodes", "bad_spec"),
        ({"nodes": []}, "nodes", "no_nodes"),
        ({"nodes": ["x"]}, "nodes.0.", "bad_node"),
        ({"nodes": [{"type": "wait"}]}, "nodes.0.number", "bad_number"),
        ({"nodes": [{"number": True, "type": "wait"}]}, "nodes.0.number", "bad_number"),
        ({"nodes": [{"number": -1, "type": "wait"}]}, "nodes.0.number", "bad_number"),
        ({"nodes": [{"number": 0}]}, "nodes.0.type", "bad_type"),
        ({"nodes": [{"number": 0, "type": "wait", "config": []}]}, "nodes.0.config", "bad_config"),
        ({**spec(send("x")), "entry": 5}, "entry", "missing_entry"),
        ({**spec(send("x")), "entry": None}, "entry", "missing_entry"),
        ({**spec(send("x")), "entry": "0"}, "entry", "missing_entry"),
    ],
)
def test_validate_malformed_spec_is_an_error_of_the_flow(flow: Any, path: str, code: str) -> None:
    assert codes(flow) == [(None, path, code)]


def test_validate_two_nodes_of_one_number_is_an_error() -> None:
    flow = spec(send("x"))
    flow["nodes"].append(flow["nodes"][0])
    assert codes(flow) == [(0, "number", "duplicate_number")]


def test_validate_too_many_nodes_is_an_error() -> None:
    flow = spec(*(send("x", number + 1) for number in range(1000)), send("end"))
    assert codes(flow) == [(None, "nodes", "too_many_nodes")]


def test_validate_missing_targets_are_named() -> None:
    flow = spec(("condition", {"variable": "state.x", "operator": "exists", "true_path": 5, "false_path": 6}))
    assert codes(flow) == [(0, "true_path", "missing_target"), (0, "false_path", "missing_target")]


def test_validate_unknown_kind_is_an_error() -> None:
    assert codes(spec(("teleport", {"next": 9}))) == [(0, "type", "unknown_kind")]


def test_validate_unreachable_node_is_a_warning() -> None:
    assert warnings(spec(send("x"), send("y", 2), send("z"))) == [
        (1, "", "unreachable"),
        (2, "", "unreachable"),
    ]


def test_validate_problems_are_sorted_by_node() -> None:
    flow = spec(send("", 2), send("y"), send("{{settings.KEY}}"))
    found = [(item.node, item.code) for item in validation.validate(flow)]
    assert found == [(0, "empty_text"), (1, "unreachable"), (2, "unknown_root")]


@pytest.mark.parametrize(
    "node",
    [
        send("{{settings.SECRET_KEY}}"),
        ("condition", {"variable": "settings.x", "operator": "exists"}),
        ("condition", {"variable": "state.x", "operator": "==", "value": "{{settings.x}}"}),
        (
            "set_attribute",
            {"attribute_key": "k", "attribute_value": ["{{settings.x}}"], "value_type": "json"},
        ),
        ("webhook_action", {"url": "https://a.example/{{settings.x}}"}),
        ("webhook_action", {"url": "https://a.example", "headers": {"X-A": "{{settings.x}}"}}),
    ],
)
def test_validate_unknown_root_is_a_warning(node: tuple[str, dict[str, Any]]) -> None:
    assert [code for _node, _path, code in warnings(spec(node))] == ["unknown_root"]


def choose(true_path: int, false_path: int) -> tuple[str, dict[str, Any]]:
    paths = {"true_path": true_path, "false_path": false_path}
    return "condition", {"variable": "state.x", "operator": "exists", **paths}


def call(following: int) -> tuple[str, dict[str, Any]]:
    return "webhook_action", {"url": "https://a.example", "next": following}


@pytest.mark.parametrize(
    ("flow", "node"),
    [
        (spec(send("x", 0)), 0),
        (spec(send("x", 1), send("y", 0)), 0),
        (spec(send("x", 1), choose(0, 2), send("z")), 0),
        (spec(send("x", 1), ask(next=2), send("y", 3), choose(2, 0)), 2),
    ],
)
def test_validate_loop_without_wait_is_an_error(flow: dict[str, Any], node: int) -> None:
    assert codes(flow) == [(node, "", "loop_without_wait")]


@pytest.mark.parametrize(
    "flow",
    [
        spec(ask(next=0)),
        spec(send("x", 1), ask(next=0)),
        spec(send("x", 1), delay(1, "hours", 2), choose(0, 1)),
        spec(send("x", 1), call(0)),
        spec(choose(1, 2), send("x", 3), send("y", 3), send("z")),
    ],
)
def test_validate_loop_with_wait_is_fine(flow: dict[str, Any]) -> None:
    assert codes(flow) == []


DAY = {"duration": 24, "unit": "hours"}
LONG = {"duration": 25, "unit": "hours"}


@pytest.mark.parametrize(
    ("flow", "nodes"),
    [
        (spec(delay(24, "hours", 1), send("x")), []),
        (spec(delay(25, "hours", 1), send("x")), [1]),
        (spec(delay(13, "hours", 1), delay(13, "hours", 2), send("x", 3), send("y")), [2, 3]),
        (spec(delay(2, "days", 1), ask(next=2), send("x")), []),
        (spec(delay(2, "days", 1), choose(2, 3), ask(next=3), send("x")), [3]),
        (spec(ask(timeout=LONG, next=1, timeout_path=2), send("x"), send("late")), [2]),
        (spec(ask(timeout=DAY, next=1, timeout_path=2), send("x"), send("late")), []),
        (spec(ask(timeout=LONG, next=1, timeout_path=1), send("x")), [1]),
        (spec(send("x", 1), delay(1, "hours", 0)), [0]),
        (spec(send("x", 1), delay(1, "hours", 2), ask(next=0)), []),
    ],
)
def test_validate_send_after_closed_window_is_a_warning(flow: dict[str, Any], nodes: list[int]) -> None:
    assert warnings(flow) == [(node, "", "window_closed") for node in nodes]


def test_validate_warnings_forbid_nothing() -> None:
    found = validation.validate(spec(delay(2, "days", 1), send("{{other.x}}"), send("y")))
    assert {item.severity for item in found} == {Severity.WARNING}


def test_validate_thousand_node_ring_of_delays_is_settled() -> None:
    nodes = [delay(1, "seconds", (number + 1) % 999) for number in range(999)]
    nodes[0] = send("x", 1)
    assert warnings(spec(*nodes)) == [(0, "", "window_closed")]


def test_longest_silences_diamonds_are_settled_without_walking_every_way() -> None:
    minute = timedelta(minutes=1)
    ways = {number: ((number + 1, minute), (number + 2, 3 * minute)) for number in range(200)}
    silences = graph.longest_silences({**ways, 200: (), 201: ()}, 0, timedelta(days=400))
    assert (silences[200], silences[201]) == (300 * minute, 301 * minute)


def test_longest_chains_diamonds_are_counted() -> None:
    edges = {number: (number + 1, number + 2) for number in range(2000)} | {2000: (), 2001: ()}
    assert graph.longest_chains(edges)[0] == 2001


@pytest.mark.parametrize(("length", "expected"), [(100, []), (101, [(0, "", "long_chain")])])
def test_validate_chain_longer_than_a_run_is_a_warning(length: int, expected: list[Any]) -> None:
    assert warnings(spec(*(send("x", number + 1) for number in range(length - 1)), send("end"))) == expected


HUGE = "x" * 70_000


@pytest.mark.parametrize(
    "node",
    [
        send(HUGE),
        ("condition", {"variable": HUGE, "operator": "=="}),
        ("condition", {"variable": "state.x", "operator": HUGE}),
        ("condition", {"variable": "state.x", "operator": "==", "value": HUGE}),
        ("set_attribute", {"attribute_key": HUGE, "attribute_value": "x"}),
        ("set_attribute", {"attribute_key": "k", "attribute_value": HUGE}),
        ("webhook_action", {"url": "https://a.example/" + HUGE}),
        ("webhook_action", {"url": "https://a.example/", "headers": {"X-A": HUGE}}),
        ("webhook_action", {"url": "https://a.example/", "body": HUGE}),
        ("wait", {"wait_for": "input", "variable": "state." + HUGE}),
    ],
)
def test_validate_huge_text_is_an_error(node: tuple[str, dict[str, Any]]) -> None:
    assert [found[0] for found in codes(spec(node))] == [0]


def test_cycles_long_chain_is_walked_without_recursion() -> None:
    edges = {number: (number + 1,) for number in range(20_000)} | {20_000: (0,)}
    assert [len(cycle) for cycle in graph.cycles(edges)] == [20_001]
