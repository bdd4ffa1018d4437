"""Placeholders anywhere in a node's config."""

from collections.abc import Iterator
from typing import Any

from chatboost.core import interpolation
from flows.engine.problems import Problem, error
from flows.engine.values import MAX_DEPTH, is_shallow


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (path into the value, text) for every text in a JSON value, in order."""
    stack = [(path, value)]
    while stack:
        place, item = stack.pop()
        if isinstance(item, str):
            yield place, item
        elif isinstance(item, dict):
            stack += [(join(place, str(key)), child) for key, child in reversed(item.items())]
        elif isinstance(item, list):
            stack += [(join(place, str(index)), item[index]) for index in reversed(range(len(item)))]


def paths(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (path into the value, placeholder's dotted path) for every placeholder."""
    for place, text in texts(value, path):
        for dotted in interpolation.compile(text).paths:
            yield place, dotted


def check(value: Any, path: str) -> list[Problem]:
    """List what is wrong with the placeholders of a JSON value, and with its depth."""
    if not is_shallow(value):
        return [error(path, "too_deep", f"{MAX_DEPTH} levels at most.")]
    return [
        error(place, found.code, found.message)
        for place, text in texts(value, path)
        for found in interpolation.lint(text)
    ]


def join(path: str, key: str) -> str:
    """Join two parts of a path into a config."""
    return f"{path}.{key}" if path else key
