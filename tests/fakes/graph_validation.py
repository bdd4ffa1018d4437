"""Judge a send request as Graph would: against the published schema where it lies beside the repository.

The schema knows shapes; limits that it leaves out (text length, rows in all, titles that repeat) are checked
here in either case.
"""

import functools
import json
from pathlib import Path
from typing import Any

import jsonschema

SCHEMA_PATH = (
    Path(__file__).resolve().parents[2].parent
    / "shared"
    / "contracts"
    / "whatsapp-cloud"
    / "spec"
    / "send-message.repaired.schema.json"
)

MISSING_PARAMETER = 131008
INVALID_PARAMETER = 131009


class Refused(Exception):
    """Graph refuses the body, with one of its codes and an explanation."""

    def __init__(self, code: int, details: str) -> None:
        """Keep the code beside the text."""
        super().__init__(details)
        self.code = code
        self.details = details


def check(body: Any) -> None:
    """Pass a good body.

    Raises:
        Refused: it isn't one.
    """
    if not isinstance(body, dict) or body.get("messaging_product") != "whatsapp":
        raise Refused(MISSING_PARAMETER, "The parameter messaging_product is required.")
    if not body.get("to") and not body.get("recipient"):
        raise Refused(MISSING_PARAMETER, "The parameter to is required.")
    validator = _validator()
    if validator is not None:
        for problem in validator.iter_errors(body):
            raise Refused(INVALID_PARAMETER, f"{problem.json_path}: {problem.message[:300]}")
    _check_limits(body)


@functools.cache
def _validator() -> jsonschema.Draft202012Validator | None:
    if not SCHEMA_PATH.is_file():
        return None
    return jsonschema.Draft202012Validator(json.loads(SCHEMA_PATH.read_text(encoding="utf-8")))


def _check_limits(body: dict[str, Any]) -> None:
    kind = body.get("type", "text")
    part = body.get(kind)
    _require(isinstance(part, dict | list), MISSING_PARAMETER, f"The parameter {kind} is required.")
    if kind == "text":
        _check_text(part.get("body"), "text.body", 4096)
    if kind == "interactive" and part.get("type") in ("button", "list"):
        _check_interactive(part)
    _require(
        len(body.get("biz_opaque_callback_data", "")) <= 512, INVALID_PARAMETER, "Callback data is too long."
    )


def _check_interactive(interactive: dict[str, Any]) -> None:
    _check_text((interactive.get("body") or {}).get("text"), "interactive.body.text", 1024)
    action = interactive.get("action") or {}
    if interactive["type"] == "button":
        replies = [button.get("reply") or {} for button in action.get("buttons") or []]
        _check_choices(replies, "reply buttons", most=3, title=20)
        titles = [reply["title"] for reply in replies]
        _require(len(set(titles)) == len(titles), INVALID_PARAMETER, "Button titles must be unique.")
        return
    _check_text(action.get("button"), "interactive.action.button", 20)
    sections = action.get("sections") or []
    is_titled = len(sections) < 2 or all(section.get("title") for section in sections)
    _require(is_titled, INVALID_PARAMETER, "Every section needs a title.")
    rows = [row for section in sections for row in section.get("rows") or []]
    _check_choices(rows, "rows", most=10, title=24)


def _check_choices(choices: list[dict[str, Any]], name: str, *, most: int, title: int) -> None:
    _require(1 <= len(choices) <= most, INVALID_PARAMETER, f"There must be 1 to {most} {name}.")
    for choice in choices:
        _check_text(choice.get("id"), f"id of {name}", 256)
        _check_text(choice.get("title"), f"title of {name}", title)
    ids = [choice["id"] for choice in choices]
    _require(len(set(ids)) == len(ids), INVALID_PARAMETER, f"The ids of {name} must be unique.")


def _check_text(value: Any, name: str, longest: int) -> None:
    is_text = isinstance(value, str) and bool(value.strip())
    _require(is_text, MISSING_PARAMETER, f"The parameter {name} is required.")
    _require(len(value) <= longest, INVALID_PARAMETER, f"{name} is longer than {longest} characters.")


def _require(is_right: bool, code: int, details: str) -> None:
    if not is_right:
        raise Refused(code, details)
