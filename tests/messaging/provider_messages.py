"""Messages for the provider tests: good ones, and ones that break exactly one rule."""

import uuid
from typing import Any

from chatboost.messaging.providers.base import Credentials, OutboundMessage
from tests.fakes import graph

PHONE = "+15550001234"


def outbound(**changes: Any) -> OutboundMessage:
    """Make a text to a phone, with a fresh tracker and these changes."""
    given = {"tracker": str(uuid.uuid4()), "type": "text", "content": {"text": "Hello"}, "to_phone": PHONE}
    return OutboundMessage(**{**given, **changes})


def credentials(base_url: str, **changes: Any) -> Credentials:
    """Make the credentials of the fake's first number."""
    given = {
        "phone_number_id": graph.DEFAULT_NUMBER_ID,
        "access_token": graph.DEFAULT_TOKEN,
        "base_url": base_url,
        "api_version": "v22.0",
    }
    return Credentials(**{**given, **changes})


def buttons(*titles: str, **changes: Any) -> dict[str, Any]:
    """Make the content of a message with reply buttons."""
    made = [{"id": f"button-{index}", "title": title} for index, title in enumerate(titles)]
    return {"body": "Choose one", "buttons": made, **changes}


def choices(*row_counts: int, **changes: Any) -> dict[str, Any]:
    """Make the content of a list message with sections of so many rows."""
    sections = [
        {
            "title": f"Section {section}",
            "rows": [{"id": f"row-{section}-{row}", "title": f"Row {row}"} for row in range(count)],
        }
        for section, count in enumerate(row_counts)
    ]
    return {"body": "Choose one", "button": "Show", "sections": sections, **changes}


GOOD = {
    "text": {"content": {"text": "Hello"}},
    "text of the longest length": {"content": {"text": "x" * 4096}},
    "text with a link preview": {"content": {"text": "https://example.com", "preview_url": True}},
    "text to a user id": {"to_phone": None, "to_user_id": "US.13491208655302741918"},
    "reply": {"reply_to": "wamid.HBgLMTU1NTAwMDEyMzQA"},
    "emoji and right-to-left": {"content": {"text": "خوش آمدید 👩‍👩‍👧"}},
    "one button": {"type": "interactive", "content": buttons("Yes")},
    "three buttons with header and footer": {
        "type": "interactive",
        "content": buttons("Yes", "No", "x" * 20, header="h" * 60, footer="f" * 60, body="b" * 1024),
    },
    "list": {"type": "interactive", "content": choices(3)},
    "list of ten rows in two sections": {"type": "interactive", "content": choices(4, 6)},
}

BAD = {
    "unknown type": {"type": "hologram"},
    "no recipient": {"to_phone": None},
    "phone without a plus": {"to_phone": "15550001234"},
    "phone with letters": {"to_phone": "+1555000ABCD"},
    "user id with a line break": {"to_phone": None, "to_user_id": "US.1\r\n2"},
    "empty tracker": {"tracker": ""},
    "empty text": {"content": {"text": "  \n"}},
    "text too long": {"content": {"text": "x" * 4097}},
    "text of another type": {"content": {"text": 7}},
    "no content": {"content": None},
    "four buttons": {"type": "interactive", "content": buttons("a", "b", "c", "d")},
    "button title too long": {"type": "interactive", "content": buttons("x" * 21)},
    "button titles repeat": {"type": "interactive", "content": buttons("Yes", "Yes")},
    "button id with spaces": {
        "type": "interactive",
        "content": {"body": "b", "buttons": [{"id": " a", "title": "A"}]},
    },
    "buttons are words": {"type": "interactive", "content": {"body": "b", "buttons": ["a"]}},
    "no buttons": {"type": "interactive", "content": buttons()},
    "buttons and sections": {"type": "interactive", "content": {**choices(1), **buttons("Yes")}},
    "body too long": {"type": "interactive", "content": buttons("Yes", body="b" * 1025)},
    "header too long": {"type": "interactive", "content": buttons("Yes", header="h" * 61)},
    "footer too long": {"type": "interactive", "content": buttons("Yes", footer="f" * 61)},
    "eleven rows": {"type": "interactive", "content": choices(5, 6)},
    "section without rows": {"type": "interactive", "content": choices(2, 0)},
    "row ids repeat": {
        "type": "interactive",
        "content": {
            "body": "b",
            "button": "Show",
            "sections": [{"rows": [{"id": "a", "title": "A"}, {"id": "a", "title": "B"}]}],
        },
    },
    "second section without title": {
        "type": "interactive",
        "content": {
            "body": "b",
            "button": "Show",
            "sections": [
                {"title": "One", "rows": [{"id": "a", "title": "A"}]},
                {"rows": [{"id": "b", "title": "B"}]},
            ],
        },
    },
    "row description too long": {
        "type": "interactive",
        "content": {
            "body": "b",
            "button": "Show",
            "sections": [{"rows": [{"id": "a", "title": "A", "description": "d" * 73}]}],
        },
    },
    "list button too long": {"type": "interactive", "content": choices(1, button="x" * 21)},
}
