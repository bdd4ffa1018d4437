"""Texts in a message: checked before publishing, measured again once their values are in."""

from collections.abc import Callable
from typing import Any

from chatboost.core import interpolation
from flows.engine.frame import Frame, NodeFailedError
from flows.engine.problems import Problem, error

Write = Callable[[Frame], str]


def check(value: Any, path: str, limit: int, *, is_optional: bool = False) -> list[Problem]:
    """List what is wrong with a text of at most `limit` characters."""
    if value is None and is_optional:
        return []
    if not isinstance(value, str):
        return [error(path, "bad_text", "Write a text here.")]
    if not value.strip() and not is_optional:
        return [error(path, "empty_text", "Write a text here.")]
    if interpolation.compile(value).literal_length > limit:
        return [error(path, "text_too_long", f"{limit} characters at most.")]
    return [error(path, found.code, found.message) for found in interpolation.lint(value)]


def writer(text: str, path: str, limit: int) -> Write:
    """Return the function that fills in a text. A text is never cut: too long or empty fails the run.

    Raises: NodeFailedError `text_too_long, empty_text`.
    """
    fill = interpolation.compile(text).fill

    def write(frame: Frame) -> str:
        filled = fill(frame.scope, frame.missing)
        if len(filled) > limit or not filled or filled.isspace():
            raise refusal(filled, path, limit)
        return filled

    return write


def refusal(filled: str, path: str, limit: int) -> NodeFailedError:
    """Return why a filled text can't be sent."""
    if len(filled) > limit:
        return NodeFailedError("text_too_long", f"{path} has {len(filled)} characters, {limit} at most.")
    return NodeFailedError("empty_text", f"{path} is empty.")


def optional_writer(text: str | None, path: str, limit: int) -> Write | None:
    """Return the function that fills in a text, or None where there is none to write."""
    return writer(text, path, limit) if text and text.strip() else None
