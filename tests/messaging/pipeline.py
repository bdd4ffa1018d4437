"""The message pipeline in tests: deliveries at the door, work done at a given moment, replies queued."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.conf import settings

from chatboost.core import clock
from chatboost.core.work.drain import drain
from chatboost.core.work.sweep import sweep
from chatboost.messaging.models import Channel, Conversation, Message
from chatboost.messaging.services import messages
from chatboost.messaging.webhooks import whatsapp
from tests.fakes import whatsapp_webhooks as bodies

NOW = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)
PHONE = "15550001111"
USER_ID = "US.13491208655302741918"

_ids = count(1)


def seconds(number: float) -> timedelta:
    """Short for a timedelta in seconds."""
    return timedelta(seconds=number)


def stamp(at: datetime) -> int:
    """Unix seconds, as the vendor writes times."""
    return int(at.timestamp())


def wamid() -> str:
    """A vendor's id that was not used before."""
    return f"wamid.{next(_ids)}"


def text(
    words: str = "Hello", *, sender: str = PHONE, id: str = "", at: datetime = NOW, **fields: Any
) -> dict[str, Any]:
    """An inbound text message; `fields` are added, those that are None removed."""
    made = bodies.text_message(sender=sender, wamid=id or wamid(), text=words, timestamp=stamp(at))
    return {name: value for name, value in (made | fields).items() if value is not None}


def deliver(
    channel: Channel, *, at: datetime = NOW, value: dict[str, Any] | None = None, **parts: Sequence[Any]
) -> whatsapp.Accepted:
    """Bring parts (messages, statuses, contacts) to the installation's door, signed, at that moment."""
    delivery = bodies.delivery(channel.external_id, **parts)
    delivery["entry"][0]["changes"][0]["value"] |= value or {}
    raw = bodies.encode(delivery)
    with clock.frozen(at):
        return whatsapp.accept(raw, bodies.sign(raw, settings.WHATSAPP_APP_SECRET[0]))


def status(
    message_id: str, word: str, *, at: datetime = NOW, tracker: object = None, code: int | None = None
) -> dict[str, Any]:
    """A status of one of our messages."""
    return bodies.status(
        wamid=message_id,
        word=word,
        recipient=PHONE,
        timestamp=stamp(at),
        tracker=str(tracker) if tracker else None,
        error_code=code,
    )


def work(at: datetime = NOW, *, kinds: Sequence[str] | None = None) -> int:
    """Do everything that is due at that moment."""
    with clock.frozen(at):
        sweep(now=at)
        return drain("interactive", names=kinds) + drain("maintenance", names=kinds)


def receive(channel: Channel, *messages_: dict[str, Any], at: datetime = NOW, **parts: Sequence[Any]) -> None:
    """Deliver messages and do the work."""
    deliver(channel, at=at, messages=messages_, **parts)
    work(at)


def queue(conversation: Conversation, words: str = "Hi", *, at: datetime = NOW, **fields: Any) -> Message:
    """Queue a text in the conversation."""
    given = {"type": "text", "content": {"text": words}, "origin_kind": "api"} | fields
    with clock.frozen(at):
        return messages.queue(conversation=conversation, **given)
