"""One taxonomy for everything a vendor can refuse, and what each kind means for the sender.

An error is a value, not an exception: `Provider.send` hands it back inside `Rejected`, and the same classes
describe a failure that arrives later in a status webhook. The class says what to do, the code and the message
say why.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar


class Scope(StrEnum):
    """How far an error reaches: what else would be refused for the same reason."""

    MESSAGE = "message"
    RECIPIENT = "recipient"
    CHANNEL = "channel"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderError:
    """One refusal. `kind` is the word to store; `retry_after` is a floor under the caller's own back-off.

    `max_retries` is None where the caller's budget decides, 0 where the same send can't ever succeed.
    """

    code: int | None = None
    message: str = ""
    scope: Scope = Scope.MESSAGE
    retry_after: timedelta | None = None

    kind: ClassVar[str] = "error"
    max_retries: ClassVar[int | None] = 0
    stops_sending: ClassVar[bool] = False
    tells_operators: ClassVar[bool] = False
    retries_marketing: ClassVar[bool] = True

    @property
    def retryable(self) -> bool:
        """Say whether the same message may go again at all."""
        return self.max_retries != 0

    @property
    def disables_channel(self) -> bool:
        """Say whether the channel must stop sending until an operator acts.

        An error that only concerns one message or one recipient never does, whatever its class.
        """
        return self.stops_sending and self.scope in (Scope.CHANNEL, Scope.ACCOUNT)

    @property
    def holds_channel(self) -> bool:
        """Say whether the vendor asked for a pause of everything on the channel: for `retry_after`."""
        return (
            self.retry_after is not None and self.retryable and self.scope in (Scope.CHANNEL, Scope.ACCOUNT)
        )

    def allows_retry(self, *, retries_made: int, is_marketing: bool = False) -> bool:
        """Say whether another try is allowed after `retries_made`, apart from the caller's budget."""
        if is_marketing and not self.retries_marketing:
            return False
        return self.max_retries is None or retries_made < self.max_retries


@dataclass(frozen=True, slots=True, kw_only=True)
class Transient(ProviderError):
    """The vendor or the way to it failed, and the message was certainly not accepted."""

    kind: ClassVar[str] = "transient"
    max_retries: ClassVar[int | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimited(ProviderError):
    """Too much at once; `scope` says what to slow down: the pair, the number or the whole account."""

    kind: ClassVar[str] = "rate_limited"
    max_retries: ClassVar[int | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthFailed(ProviderError):
    """The token is wrong, expired or lacks a permission."""

    scope: Scope = Scope.CHANNEL
    kind: ClassVar[str] = "auth_failed"
    stops_sending: ClassVar[bool] = True
    tells_operators: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelMisconfigured(ProviderError):
    """Something must be set right at the vendor: registration, display name, payment, a product switch."""

    scope: Scope = Scope.CHANNEL
    kind: ClassVar[str] = "channel_misconfigured"
    stops_sending: ClassVar[bool] = True
    tells_operators: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStopped(ProviderError):
    """The vendor has blocked or restricted the business account."""

    scope: Scope = Scope.ACCOUNT
    kind: ClassVar[str] = "account_stopped"
    stops_sending: ClassVar[bool] = True
    tells_operators: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowClosed(ProviderError):
    """The customer service window is over: only an approved template may go."""

    scope: Scope = Scope.RECIPIENT
    kind: ClassVar[str] = "window_closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientOptedOut(ProviderError):
    """The recipient stopped marketing from this business at the vendor: write it into the consent ledger."""

    scope: Scope = Scope.RECIPIENT
    kind: ClassVar[str] = "recipient_opted_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class CappedByVendor(ProviderError):
    """The vendor withheld the message to spare this person; `retry_after` is a day or more."""

    scope: Scope = Scope.RECIPIENT
    kind: ClassVar[str] = "capped_by_vendor"
    max_retries: ClassVar[int | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientUnreachable(ProviderError):
    """This recipient can't be reached on this channel."""

    scope: Scope = Scope.RECIPIENT
    kind: ClassVar[str] = "recipient_unreachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplatePaused(ProviderError):
    """The template or the vendor's flow is paused or disabled: pause the campaign, don't burn rows."""

    kind: ClassVar[str] = "template_paused"
    tells_operators: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidRequest(ProviderError):
    """The message breaks a rule of the vendor's; sending it again can't help."""

    kind: ClassVar[str] = "invalid_request"


@dataclass(frozen=True, slots=True, kw_only=True)
class BadResponse(ProviderError):
    """The peer refused, but not in the vendor's way: a proxy, or a wrong address."""

    scope: Scope = Scope.CHANNEL
    kind: ClassVar[str] = "bad_response"
    max_retries: ClassVar[int | None] = None
    tells_operators: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownCode(ProviderError):
    """A code no table knows: one retry, none for marketing, and operators hear of it."""

    kind: ClassVar[str] = "unknown_code"
    max_retries: ClassVar[int | None] = 1
    tells_operators: ClassVar[bool] = True
    retries_marketing: ClassVar[bool] = False
