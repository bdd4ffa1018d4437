"""Bodies of WhatsApp webhook deliveries, as Graph posts them, and their signature."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

JsonObject = dict[str, Any]

ACCOUNT_ID = "200000000000001"


def sign(body: bytes, app_secret: str) -> str:
    """Return the X-Hub-Signature-256 header of a body."""
    return "sha256=" + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()


def encode(delivery: Mapping[str, Any]) -> bytes:
    """Write a delivery as Graph does: no spaces, non-ASCII escaped."""
    return json.dumps(delivery, separators=(",", ":")).encode()


def delivery(phone_number_id: str, **parts: Sequence[JsonObject]) -> JsonObject:
    """Wrap contacts, messages or statuses of one number."""
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550100", "phone_number_id": phone_number_id},
        **parts,
    }
    changes = [{"value": value, "field": "messages"}]
    return {"object": "whatsapp_business_account", "entry": [{"id": ACCOUNT_ID, "changes": changes}]}


def text_message(*, sender: str, wamid: str, text: str, timestamp: int) -> JsonObject:
    """Make an inbound text; `sender` is digits."""
    return {
        "from": sender,
        "id": wamid,
        "timestamp": str(timestamp),
        "type": "text",
        "text": {"body": text},
    }


def button_reply(
    *, sender: str, wamid: str, reply_id: str, title: str, context_id: str, timestamp: int
) -> JsonObject:
    """Make a tap on a reply button of the message `context_id`."""
    return {
        "context": {"from": "15550100", "id": context_id},
        "from": sender,
        "id": wamid,
        "timestamp": str(timestamp),
        "type": "interactive",
        "interactive": {"type": "button_reply", "button_reply": {"id": reply_id, "title": title}},
    }


def contact(*, sender: str, name: str) -> JsonObject:
    """Make the contact that stands beside a message."""
    return {"profile": {"name": name}, "wa_id": sender}


def status(
    *,
    wamid: str,
    word: str,
    recipient: str,
    timestamp: int,
    tracker: str | None = None,
    error_code: int | None = None,
) -> JsonObject:
    """Make a status; `recipient` is digits or a business-scoped user id."""
    is_user_id = not recipient.isdecimal()
    made: JsonObject = {
        "id": wamid,
        "status": word,
        "timestamp": str(timestamp),
        "recipient_user_id" if is_user_id else "recipient_id": recipient,
    }
    if tracker is not None:
        made["biz_opaque_callback_data"] = tracker
    if word in ("sent", "delivered"):
        conversation_id = hashlib.sha256(recipient.encode()).hexdigest()[:32]
        made["conversation"] = {"id": conversation_id, "origin": {"type": "service"}}
        made["pricing"] = {"billable": False, "pricing_model": "PMP", "category": "service"}
    if error_code is not None:
        made["errors"] = [
            {
                "code": error_code,
                "title": "Scripted failure",
                "message": "Scripted failure",
                "error_data": {"details": "The script asked for it."},
            }
        ]
    return made
