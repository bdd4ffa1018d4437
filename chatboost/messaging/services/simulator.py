"""The simulated phone: what an operator types enters by the same door as a WhatsApp message."""

import json
import uuid
from datetime import datetime
from typing import Any

from chatboost.core import clock
from chatboost.messaging.models import Channel, Contact, Conversation
from chatboost.messaging.services import receipts
from chatboost.messaging.webhooks import whatsapp_payload


def user_id(channel: Channel, operator_key: str) -> str:
    """Return the simulated person's id. ZZ is no country's code, so it can't be somebody real."""
    return f"ZZ.simulator.{channel.pk}.{operator_key}"


def receive(
    *,
    channel: Channel,
    operator_key: str,
    text: str,
    reply_id: str = "",
    name: str = "Simulated contact",
    now: datetime | None = None,
) -> str:
    """Take a message typed into the simulated phone, or a tapped button; returns the message's id.

    `operator_key` is letters and digits; each operator is a person of their own, called `name`. The body has
    WhatsApp's shape and is stored as a receipt, so everything behind the door is the same.
    """
    moment = now or clock.now()
    external_id = f"simulator.{uuid.uuid4()}"
    sender = user_id(channel, operator_key)
    message = _message(sender, external_id, text, reply_id, moment)
    body = _body(channel, {"user_id": sender, "profile": {"name": name}}, message)
    parts = whatsapp_payload.split(json.dumps(body).encode())
    receipts.store(
        [
            receipts.Delivered(
                channel=channel,
                key=part.key,
                kind=part.kind.value,
                payload=part.payload,
                sender=part.sender or "",
            )
            for part in parts
        ],
        now=moment,
    )
    return external_id


def conversation_of(channel: Channel, operator_key: str) -> Conversation | None:
    """Return the operator's conversation with the bot, once there is one."""
    return Conversation.objects.filter(
        channel=channel, contact__external_user_id=user_id(channel, operator_key)
    ).first()


def reset(channel: Channel, operator_key: str) -> None:
    """Forget the simulated person and everything said."""
    Contact.objects.filter(
        organization_id=channel.organization_id, external_user_id=user_id(channel, operator_key)
    ).delete()


def _message(sender: str, external_id: str, text: str, reply_id: str, moment: datetime) -> dict[str, Any]:
    message = {"from_user_id": sender, "id": external_id, "timestamp": str(int(moment.timestamp()))}
    if not reply_id:
        return {**message, "type": "text", "text": {"body": text}}
    reply = {"type": "button_reply", "button_reply": {"id": reply_id, "title": text}}
    return {**message, "type": "interactive", "interactive": reply}


def _body(channel: Channel, contact: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    value = {
        "messaging_product": "whatsapp",
        # Not a vendor's number: only the payload's shape needs one.
        "metadata": {"phone_number_id": f"simulator-{channel.pk}"},
        "contacts": [contact],
        "messages": [message],
    }
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": "simulator", "changes": [{"field": "messages", "value": value}]}],
    }
