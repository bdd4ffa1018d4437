"""Inbound handlers: who answers a message. Higher rooms register theirs; the slot is the order.

A batch of messages is offered to the handlers one by one; what the handlers need from the database they
load once for the batch, in a *part*, and write once, in its `flush`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, Protocol, TypeVar

from chatboost.messaging.models import Bot, Channel, Contact, Conversation, Message


class Slot(IntEnum):
    """The fixed order in which a message is offered."""

    CONSENT = 10
    HANDOVER = 20
    COMMAND = 30
    INTERRUPT = 40
    WAITING_FLOW = 50
    KEYWORD = 60
    EVENT = 70
    CATCH_ALL = 80


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message that came in, with the rows around it. `reply_id` is the tapped button's or row's id."""

    message: Message
    conversation: Conversation
    contact: Contact
    channel: Channel
    bot: Bot
    reply_id: str
    reply_title: str


class Part(Protocol):
    """What a room keeps for a batch. `flush` writes it, in the batch's transaction."""

    def flush(self) -> None:
        """Write everything gathered, in set-based statements."""
        ...


PartT = TypeVar("PartT", bound=Part)


class Batch:
    """The messages of one transaction, and the parts the handlers opened for them."""

    def __init__(self, inbounds: Sequence[Inbound], *, now: datetime) -> None:
        self.inbounds = inbounds
        self.now = now
        self._parts: dict[Any, Part] = {}

    def part(self, factory: Callable[["Batch"], PartT]) -> PartT:
        """Return the batch's one part of this kind; it is made, and loads, at the first call."""
        part = self._parts.get(factory)
        if part is None:
            part = factory(self)
            # Made after the factory's own parts, so it is flushed after what it builds on.
            self._parts[factory] = part
        return part  # type: ignore[return-value]

    def flush(self) -> None:
        """Write all parts, in the order in which they were made."""
        for part in self._parts.values():
            part.flush()


Handle = Callable[[Inbound, Batch], bool]

_handlers: list[tuple[Slot, str, Handle]] = []


def register(slot: Slot, name: str, handle: Handle) -> None:
    """Offer messages to `handle(inbound, batch)` in this slot; it returns whether it took the message.

    Raises: ValueError when the slot is taken.
    """
    if any(taken == slot for taken, _, _ in _handlers):
        raise ValueError(f"the slot {slot.name} is taken")
    _handlers.append((slot, name, handle))
    _handlers.sort(key=lambda entry: entry[0])


def offer(inbound: Inbound, batch: Batch) -> str:
    """Offer a message to the handlers in slot order; returns the name of the one that took it, or ''."""
    for _, name, handle in _handlers:
        if handle(inbound, batch):
            return name
    return ""


def _handover(inbound: Inbound, batch: Batch) -> bool:
    """Keep the bot silent while a person has taken over."""
    return inbound.conversation.is_bot_paused


register(Slot.HANDOVER, "handover", _handover)
