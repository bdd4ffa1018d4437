"""What this room tells the others, through the outbox."""

from dataclasses import dataclass
from typing import ClassVar

from chatboost.core.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactCreated(Event):
    """Somebody is new. `source` says how they came: `whatsapp, simulator, api, operator, import`."""

    name: ClassVar[str] = "contact_created"
    contact_id: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactErased(Event):
    """A person was erased here; the other rooms forget what they hold about the contact."""

    name: ClassVar[str] = "contact_erased"
    contact_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeChanged(Event):
    """An attribute was written or removed; its value may be what it was before."""

    name: ClassVar[str] = "attribute_changed"
    contact_id: int
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelHealthChanged(Event):
    """A channel stopped working, or works again: `health` is one of `ok, disabled`, `at` in ISO 8601."""

    name: ClassVar[str] = "channel_health_changed"
    channel_id: int
    health: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BotLoopStopped(Event):
    """A bot said too much to somebody in a short time, and was paused there. `at` in ISO 8601."""

    name: ClassVar[str] = "bot_loop_stopped"
    conversation_id: int
    at: str
