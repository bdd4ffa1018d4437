"""Dotted paths into plain dicts and lists: the part of `interpolation` that looks values up."""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from chatboost.core.interpolation_filters import InterpolationError

MAX_EXPRESSION_LENGTH: Final = 512
ADVICE: Final = "Write a path as names joined by dots, such as contact.first_name."
PATH = re.compile(r"\s*([\w-]+(?:\.[\w-]+)*)\s*")

Context = dict[str, Any]
Read = Callable[[Context], Any]


@dataclass(frozen=True, slots=True)
class Path:
    """A dotted path into plain dicts and lists.

    `read(context)` returns the value, or None when there is none. Only exact dicts and lists are entered: a
    subclass or any other object could run code on lookup.
    """

    dotted: str
    keys: tuple[str, ...]
    read: Read = field(compare=False, repr=False)


@functools.lru_cache(maxsize=1024)
def parse_path(dotted: str) -> Path:
    """Parse a dotted path.

    Raises: InterpolationError `bad_path`.
    """
    match = PATH.fullmatch(dotted) if len(dotted) <= MAX_EXPRESSION_LENGTH else None
    if match is None:
        raise InterpolationError("bad_path", ADVICE)
    return split(match[1])


def split(dotted: str) -> Path:
    """Return the path of a text that fits the grammar."""
    keys = tuple(dotted.split("."))
    match keys:
        case (root, key):
            return Path(dotted, keys, _pair_reader(root, key))
        case (root, middle, key):
            return Path(dotted, keys, _triple_reader(root, middle, key))
        case _:
            return Path(dotted, keys, _reader(keys))


def _reader(keys: tuple[str, ...]) -> Read:
    def read(context: Context) -> Any:
        node: Any = context
        for key in keys:
            node = _child(node, key)
        return node

    return read


def _pair_reader(root: str, key: str) -> Read:
    """Read `contact.first_name` and its like without a loop; a subscript is half the price of `get`."""

    def read(context: Context) -> Any:
        try:
            node = context[root]
            return node[key] if type(node) is dict else _child(node, key)
        except KeyError:
            return None

    return read


def _triple_reader(root: str, middle: str, key: str) -> Read:
    """Read `contact.attribute.city` and its like without a loop."""

    def read(context: Context) -> Any:
        try:
            node = context[root]
            node = node[middle] if type(node) is dict else _child(node, middle)
            return node[key] if type(node) is dict else _child(node, key)
        except KeyError:
            return None

    return read


def _child(node: Any, key: str) -> Any:
    if type(node) is dict:
        return node.get(key)
    if type(node) is not list or not (key.isascii() and key.isdigit()) or len(key) > 9:
        return None
    index = int(key)
    return node[index] if index < len(node) else None
