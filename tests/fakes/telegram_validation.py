"""Judge a request as the Bot API would: against the published fields where they lie beside the repository.

editMessageText is not among them: its fields are known here alone, as core.telegram.org/bots/api has them.
"""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SPEC_PATH = (
    Path(__file__).resolve().parents[2].parent
    / "shared"
    / "contracts"
    / "telegram"
    / "spec"
    / "bot-api-10.1.reduced.json"
)

MAX_TEXT = 4096

# What the spec calls a type, in JSON's words. Other names are objects.
_TYPES: Mapping[str, tuple[type, ...]] = {
    "Integer": (int,),
    "String": (str,),
    "Boolean": (bool,),
    "Float": (int, float),
}

# What the fake itself knows, where the spec is not at hand.
_KNOWN = {
    "getMe": {},
    "getUpdates": {"offset": int, "limit": int, "timeout": int, "allowed_updates": list},
    "sendMessage": {"chat_id": (int, str), "text": str},
    "editMessageText": {"chat_id": (int, str), "message_id": int, "text": str},
}


class Refused(Exception):
    """Telegram refuses the request; the text is its description."""


def check(method: str, body: Any) -> None:
    """Pass a good request.

    Raises:
        Refused: it isn't one.
    """
    if not isinstance(body, dict):
        raise Refused("Bad Request: object expected")
    spec = _spec()
    if spec is None or method not in spec["methods"]:
        _check_known(method, body)
    else:
        _check_fields(spec["methods"][method].get("fields", []), body)
    if method in ("sendMessage", "editMessageText"):
        _check_text(body["text"])


@functools.cache
def _spec() -> dict[str, Any] | None:
    return json.loads(SPEC_PATH.read_text(encoding="utf-8")) if SPEC_PATH.is_file() else None


def _check_fields(fields: list[dict[str, Any]], body: dict[str, Any]) -> None:
    known = {field["name"]: field for field in fields}
    if unknown := body.keys() - known.keys():
        raise Refused(f"Bad Request: unknown fields {', '.join(sorted(unknown))}")
    for name, field in known.items():
        if name not in body:
            if field["required"]:
                raise Refused(f"Bad Request: {name} is empty")
        elif not any(_is_of(type_, body[name]) for type_ in field["types"]):
            raise Refused(f"Bad Request: {name} must be {' or '.join(field['types'])}")


def _is_of(type_: str, value: Any) -> bool:
    if type_.startswith("Array of "):
        return isinstance(value, list)
    if isinstance(value, bool) and type_ != "Boolean":
        return False
    return isinstance(value, _TYPES.get(type_, (dict,)))


def _check_known(method: str, body: dict[str, Any]) -> None:
    known: Mapping[str, Any] = _KNOWN[method]
    wrong = [name for name, value in body.items() if not isinstance(value, known.get(name, ()))]
    if wrong or ("text" in known and body.keys() != known.keys()):
        raise Refused(f"Bad Request: {', '.join(wrong or known)}: missing or of another type")


def _check_text(text: str) -> None:
    if not text.strip():
        raise Refused("Bad Request: message text is empty")
    if len(text.encode("utf-16-le")) // 2 > MAX_TEXT:
        raise Refused("Bad Request: message is too long")
