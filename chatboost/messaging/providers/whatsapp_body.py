"""Turn one message into the body of POST /{version}/{phone-number-id}/messages, within Meta's limits. Pure.

Lengths are counted in characters (code points), as JSON Schema's maxLength does.
Source: facebook/openapi business-messaging-api v23.0 (button, list, header and footer limits); pywa @0bcf2f1
(text 4096; tracker 512, of which we use less, so that ids made from it stay short); WhatsApp manual,
"Business-scoped user IDs", for `recipient`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from chatboost.messaging.providers.base import OutboundMessage

MAX_TRACKER = 200
MAX_TEXT = 4096
MAX_BODY = 1024
MAX_HEADER = 60
MAX_FOOTER = 60
MAX_BUTTONS = 3
MAX_BUTTON_ID = 256
MAX_BUTTON_TITLE = 20
MAX_LIST_BUTTON = 20
MAX_SECTIONS = 10
MAX_SECTION_TITLE = 24
MAX_ROWS = 10
MAX_ROW_ID = 200
MAX_ROW_TITLE = 24
MAX_ROW_DESCRIPTION = 72

_PHONE = re.compile(r"\+[0-9]{5,20}")
_USER_ID = re.compile(r"[!-~]{1,160}")

JsonObject = dict[str, Any]


class InvalidMessage(Exception):
    """The message can't be sent as it is; the text says which rule it breaks, in an operator's words."""


def build(message: OutboundMessage) -> JsonObject:
    """Return the request body.

    Raises:
        InvalidMessage: the type is unknown, a part is missing or of the wrong kind, or a limit is passed.
    """
    builder = _BUILDERS.get(message.type)
    if builder is None:
        raise InvalidMessage(f"Messages of type {message.type!r} can't be sent on this channel.")
    if not isinstance(message.content, Mapping):
        raise InvalidMessage("The message has no content.")
    body: JsonObject = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **_address(message),
        "type": message.type,
        message.type: builder(message.content),
        "biz_opaque_callback_data": _text(message.tracker, "tracker", MAX_TRACKER),
    }
    if message.reply_to:
        body["context"] = {"message_id": message.reply_to}
    return body


def _address(message: OutboundMessage) -> JsonObject:
    if message.to_phone:
        if not _PHONE.fullmatch(message.to_phone):
            raise InvalidMessage("The recipient's phone number must be a plus sign and digits.")
        return {"to": message.to_phone}
    if message.to_user_id:
        if not _USER_ID.fullmatch(message.to_user_id):
            raise InvalidMessage("The recipient's user id holds characters that no such id has.")
        return {"recipient": message.to_user_id}
    raise InvalidMessage("The recipient has neither a phone number nor a user id.")


def _build_text(content: Mapping[str, Any]) -> JsonObject:
    text: JsonObject = {"body": _text(content.get("text"), "text", MAX_TEXT)}
    if "preview_url" in content:
        text["preview_url"] = bool(content["preview_url"])
    return text


def _build_interactive(content: Mapping[str, Any]) -> JsonObject:
    has_buttons, has_sections = bool(content.get("buttons")), bool(content.get("sections"))
    if has_buttons == has_sections:
        raise InvalidMessage("An interactive message needs either buttons or sections.")
    interactive: JsonObject = {
        "type": "button" if has_buttons else "list",
        "body": {"text": _text(content.get("body"), "body", MAX_BODY)},
        "action": _buttons_action(content) if has_buttons else _list_action(content),
    }
    if content.get("header"):
        interactive["header"] = {"type": "text", "text": _text(content["header"], "header", MAX_HEADER)}
    if content.get("footer"):
        interactive["footer"] = {"text": _text(content["footer"], "footer", MAX_FOOTER)}
    return interactive


def _buttons_action(content: Mapping[str, Any]) -> JsonObject:
    buttons = [
        {
            "id": _identifier(button.get("id"), "button id", MAX_BUTTON_ID),
            "title": _text(button.get("title"), "button title", MAX_BUTTON_TITLE),
        }
        for button in _objects(content["buttons"], "buttons", MAX_BUTTONS)
    ]
    _require_unique([button["id"] for button in buttons], "button ids")
    _require_unique([button["title"] for button in buttons], "button titles")
    return {"buttons": [{"type": "reply", "reply": button} for button in buttons]}


def _list_action(content: Mapping[str, Any]) -> JsonObject:
    given = _objects(content["sections"], "sections", MAX_SECTIONS)
    sections = [_section(section, needs_title=len(given) > 1) for section in given]
    rows = [row for section in sections for row in section["rows"]]
    if len(rows) > MAX_ROWS:
        raise InvalidMessage(f"A list holds at most {MAX_ROWS} rows in all; this one has {len(rows)}.")
    _require_unique([row["id"] for row in rows], "row ids")
    return {"button": _text(content.get("button"), "list button", MAX_LIST_BUTTON), "sections": sections}


def _section(given: Mapping[str, Any], *, needs_title: bool) -> JsonObject:
    section: JsonObject = {"rows": [_row(row) for row in _objects(given.get("rows"), "rows", MAX_ROWS)]}
    if given.get("title") or needs_title:
        section["title"] = _text(given.get("title"), "section title", MAX_SECTION_TITLE)
    return section


def _row(given: Mapping[str, Any]) -> JsonObject:
    row = {
        "id": _identifier(given.get("id"), "row id", MAX_ROW_ID),
        "title": _text(given.get("title"), "row title", MAX_ROW_TITLE),
    }
    if given.get("description"):
        row["description"] = _text(given["description"], "row description", MAX_ROW_DESCRIPTION)
    return row


def _text(value: object, name: str, longest: int) -> str:
    """Return the text without what JSON or Meta can't carry; refuse it when empty or too long."""
    if not isinstance(value, str):
        raise InvalidMessage(f"The {name} is missing or isn't text.")
    # A half of a surrogate pair can't be encoded; it appears when something upstream cut an emoji in two.
    whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\x00", "")
    if not whole.strip():
        raise InvalidMessage(f"The {name} is empty.")
    if len(whole) > longest:
        raise InvalidMessage(f"The {name} has {len(whole)} characters; at most {longest} are allowed.")
    return whole


def _identifier(value: object, name: str, longest: int) -> str:
    """Return an id as it will come back in a reply: Meta refuses spaces around it."""
    identifier = _text(value, name, longest)
    if identifier != identifier.strip():
        raise InvalidMessage(f"The {name} has spaces around it.")
    return identifier


def _objects(value: object, name: str, most: int) -> Sequence[Mapping[str, Any]]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, Mapping) for item in value):
        raise InvalidMessage(f"The {name} must be a list of objects.")
    if not 1 <= len(value) <= most:
        raise InvalidMessage(f"There must be 1 to {most} {name}; there are {len(value)}.")
    return value


def _require_unique(values: Sequence[str], name: str) -> None:
    if len(set(values)) != len(values):
        raise InvalidMessage(f"The {name} must differ from each other.")


_BUILDERS: Mapping[str, Callable[[Mapping[str, Any]], JsonObject]] = MappingProxyType(
    {"text": _build_text, "interactive": _build_interactive}
)
