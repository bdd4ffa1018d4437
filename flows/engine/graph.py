"""Questions about a flow's graph, for validation. Every node that is led to is a key, too."""

from collections import deque
from collections.abc import Iterator, Mapping
from datetime import timedelta

Edges = Mapping[int, tuple[int, ...]]
# Where each node leads and how long the contact is silent on that way; None where the contact writes.
Ways = Mapping[int, tuple[tuple[int, timedelta | None], ...]]


def reachable(edges: Edges, entry: int) -> set[int]:
    """Return the nodes that a run may enter."""
    seen, stack = {entry}, [entry]
    while stack:
        fresh = set(edges.get(stack.pop(), ())) - seen
        seen |= fresh
        stack += fresh
    return seen


def cycles(edges: Edges) -> Iterator[list[int]]:
    """Yield at least one cycle of every group of nodes that can reach each other."""
    done: set[int] = set()
    for root in sorted(edges):
        if root not in done:
            yield from _cycles_from(root, edges, done)


def _cycles_from(root: int, edges: Edges, done: set[int]) -> Iterator[list[int]]:
    """Search depth first; an edge to a node on the way from the root closes a cycle."""
    way, places, following = [root], {root: 0}, [iter(edges[root])]
    while way:
        child = next(following[-1], None)
        if child is None:
            following.pop()
            done.add(way[-1])
            del places[way.pop()]
        elif child in places:
            yield way[places[child] :]
        elif child not in done:
            places[child] = len(way)
            way.append(child)
            following.append(iter(edges[child]))


def longest_chains(edges: Edges) -> dict[int, int]:
    """Return for each node how many nodes the longest way from it enters, itself included.

    The graph must have no cycles.
    """
    lengths: dict[int, int] = {}
    for root in edges:
        stack = [root]
        while stack:
            node = stack[-1]
            fresh = [child for child in edges[node] if child not in lengths]
            if fresh:
                stack += fresh
                continue
            lengths[node] = 1 + max((lengths[child] for child in edges[node]), default=0)
            stack.pop()
    return lengths


def longest_silences(ways: Ways, entry: int, ceiling: timedelta) -> dict[int, timedelta]:
    """Return how long the contact may have been silent when a node is entered, at most `ceiling`."""
    silences = {entry: timedelta(0)}
    visits = dict.fromkeys(ways, 0)
    queue = deque([entry])
    while queue:
        node = queue.popleft()
        visits[node] += 1
        for child, span in ways[node]:
            silence = timedelta(0) if span is None else min(silences[node] + span, ceiling)
            # Growing more often than there are nodes: a loop of delays, which adds up to anything.
            if span and visits[node] > len(ways):
                silence = ceiling
            if child not in silences or silence > silences[child]:
                silences[child] = silence
                queue.append(child)
    return silences
