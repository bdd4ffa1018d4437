"""The send gate: may this message go now? Pure; asked when a message is queued, and again when it is sent."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

# Types that WhatsApp takes only while the contact's 24-hour window is open. Templates go at any time.
TEMPLATE = "template"


class Action(StrEnum):
    """What the gate can say."""

    ALLOW = "allow"
    DEFER = "defer"
    SUBSTITUTE = "substitute"
    REFUSE = "refuse"


class Reason(StrEnum):
    """Why the gate said so: stable words for machines."""

    NONE = ""
    CONTACT_BLOCKED = "contact_blocked"
    CONTACT_UNREACHABLE = "contact_unreachable"
    CHANNEL_INACTIVE = "channel_inactive"
    CHANNEL_DISABLED = "channel_disabled"
    WINDOW_CLOSED = "window_closed"
    BOT_LOOP = "bot_loop"
    CHANNEL_HELD = "channel_held"
    PAIR_PACE = "pair_pace"


EXPLANATIONS = {
    Reason.NONE: "The message may go.",
    Reason.CONTACT_BLOCKED: "The contact is blocked.",
    Reason.CONTACT_UNREACHABLE: "The contact has neither a phone number nor an id on this channel.",
    Reason.CHANNEL_INACTIVE: "The channel is switched off.",
    Reason.CHANNEL_DISABLED: "The vendor refuses this channel's credentials; check them.",
    Reason.WINDOW_CLOSED: "More than 24 hours since the contact's last message: only a template may go.",
    Reason.BOT_LOOP: "The bot has sent this contact too many messages in a short time; it was paused.",
    Reason.CHANNEL_HELD: "The vendor asked for a pause on this channel.",
    Reason.PAIR_PACE: "The contact was sent as much as the vendor allows for now.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the gate needs to know about a message, its contact and its channel."""

    message_type: str
    is_contact_blocked: bool
    has_address: bool
    is_channel_active: bool
    is_channel_healthy: bool
    window_expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """When the vendor wants the next message of the channel, and the next one to this person. None: now."""

    channel_held_until: datetime | None = None
    pair_free_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's answer. `until` is set for a deferral."""

    action: Action
    reason: Reason = Reason.NONE
    until: datetime | None = None

    @property
    def is_allowed(self) -> bool:
        """Whether the message may go now."""
        return self.action is Action.ALLOW

    @property
    def explanation(self) -> str:
        """The reason in words."""
        return EXPLANATIONS[self.reason]


ALLOW = Verdict(Action.ALLOW)


def check(facts: Facts, *, now: datetime) -> Verdict:
    """Decide. Rules are asked from the most lasting reason to the least.

    Source: WhatsApp Business messaging policy: free-form messages only within 24 hours of the contact's
    last one (error 131047 outside of it).
    """
    refused = _refusal(facts, now)
    return Verdict(Action.REFUSE, refused) if refused else ALLOW


def pace(load: Load, *, now: datetime) -> Verdict:
    """Decide when an allowed message goes. Only asked at the send, where its lane keeps its place."""
    until, reason = load.channel_held_until, Reason.CHANNEL_HELD
    if load.pair_free_at is not None and (until is None or until < load.pair_free_at):
        until, reason = load.pair_free_at, Reason.PAIR_PACE
    return Verdict(Action.DEFER, reason, until) if until is not None and until > now else ALLOW


def _refusal(facts: Facts, now: datetime) -> Reason:
    if facts.is_contact_blocked:
        return Reason.CONTACT_BLOCKED
    if not facts.has_address:
        return Reason.CONTACT_UNREACHABLE
    if not facts.is_channel_active:
        return Reason.CHANNEL_INACTIVE
    if not facts.is_channel_healthy:
        return Reason.CHANNEL_DISABLED
    if facts.message_type != TEMPLATE and (facts.window_expires_at is None or facts.window_expires_at <= now):
        return Reason.WINDOW_CLOSED
    return Reason.NONE
