"""What every vendor's adapter takes, does and answers.

The contract about doubles: a vendor offers no idempotency key, so the three outcomes are kept strictly
apart. `Accepted` and `Rejected` are certain and final for this attempt. `Unknown` means that the vendor may
or may not have the message; it must never be sent again blindly, and is settled by the tracker that status
webhooks echo.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from chatboost.messaging.providers.errors import ProviderError

MAX_EXTERNAL_ID = 255
"""Longest vendor id that is believed; a column for it needs this many characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundMessage:
    """One message to one person, with everything resolved.

    `tracker` is our id, echoed by the vendor in status webhooks. `to_phone` is "+digits", `to_user_id` a
    business-scoped user id; at least one is set, and the phone wins. `reply_to` is the vendor's id of the
    message being answered.

    Shapes of `content` by `type`:
        text         {"text": str, "preview_url"?: bool}
        interactive  {"body": str, "header"?: str, "footer"?: str, "buttons": [{"id", "title"}]}
                     {"body": str, "header"?: str, "footer"?: str, "button": str,
                      "sections": [{"title"?: str, "rows": [{"id", "title", "description"?}]}]}
    """

    tracker: str
    type: str
    content: Mapping[str, Any]
    to_phone: str | None = None
    to_user_id: str | None = None
    reply_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What an adapter needs to speak for one channel. The token is absent from `repr`, so from logs too.

    `deadline` bounds a whole call, answer included.
    """

    phone_number_id: str
    access_token: str = field(repr=False)
    base_url: str
    api_version: str
    deadline: timedelta = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The vendor has the message. `raw_status` is its word: "accepted", "held_for_quality_assessment", …"""

    external_id: str
    raw_status: str = "accepted"

    @property
    def is_held(self) -> bool:
        """Say whether the vendor keeps the message back for now, so that it must not count as sent."""
        return self.raw_status in ("held_for_quality_assessment", "paused")


@dataclass(frozen=True, slots=True)
class Rejected:
    """The vendor certainly doesn't have the message."""

    error: ProviderError


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request may have been received; nobody knows whether the message exists."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """The credentials work. Empty strings where the vendor told nothing."""

    display_phone_number: str = ""
    verified_name: str = ""
    quality_rating: str = ""


Outcome = Accepted | Rejected | Unknown
CheckOutcome = Working | Rejected | Unknown


class Provider(Protocol):
    """An adapter for one channel. Safe to share between threads; holds no database objects."""

    def send(self, message: OutboundMessage) -> Outcome:
        """Send one message. Never raises for anything the vendor or the network does."""
        ...

    def check(self) -> CheckOutcome:
        """Verify the credentials without sending anything. Never raises for what the vendor does."""
        ...
