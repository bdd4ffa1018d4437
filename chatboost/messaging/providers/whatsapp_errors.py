"""Meta's error codes and what each means for us. Act on the code, never on the title.

Source: Meta's error list as carried by pywa @0bcf2f1 (pywa/errors.py: code, class, description); the Graph
API manual, "Handling errors", for 1, 2, 4, 33, 100 and 2500; retry sets compared with nyaruka/courier.
Codes of calls, groups, flows, sign-up and migration are left out: no send answers with them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from chatboost.messaging.providers import errors
from chatboost.messaging.providers.errors import ProviderError, Scope


@dataclass(frozen=True, slots=True)
class _Rule:
    """A row of the table: the class, and where it differs from the class's own scope or floor."""

    error_class: type[ProviderError]
    scope: Scope | None = None
    retry_after: timedelta | None = None


_DAY = timedelta(days=1)
_AUTH = _Rule(errors.AuthFailed)
_SETUP = _Rule(errors.ChannelMisconfigured)
_CHARGED_SETUP = _Rule(errors.ChannelMisconfigured, scope=Scope.MESSAGE)
_STOPPED = _Rule(errors.AccountStopped)
_TRANSIENT = _Rule(errors.Transient)
_UNREACHABLE = _Rule(errors.RecipientUnreachable)
_INVALID = _Rule(errors.InvalidRequest)
_PAUSED = _Rule(errors.TemplatePaused)
_CAPPED = _Rule(errors.CappedByVendor, retry_after=_DAY)

_RULES: Mapping[int, _Rule] = MappingProxyType(
    {
        # Fix the settings: the token or its permissions.
        0: _AUTH,  # AuthException
        3: _AUTH,  # APIMethod: capability or permission
        10: _AUTH,  # PermissionDenied
        190: _AUTH,  # ExpiredAccessToken
        131005: _AUTH,  # AccessDenied
        # Fix the settings: the number.
        33: _SETUP,  # the business phone number has been deleted
        2500: _SETUP,  # unknown path components: the phone number id or the version can't be right
        131037: _SETUP,  # PhoneNumberDisplayNameNotApproved
        131045: _SETUP,  # IncorrectCertificate: the number's registration failed
        133010: _SETUP,  # the number isn't registered on the platform
        # Only charged messages fail here, free replies still go: the channel stays open.
        131042: _CHARGED_SETUP,  # BusinessPaymentIssue
        131044: _CHARGED_SETUP,  # BusinessPaymentIssue
        131063: _CHARGED_SETUP,  # MarketingTemplatesDisabledForCloudAPI
        # The account is stopped.
        368: _STOPPED,  # TemporarilyBlocked
        131031: _STOPPED,  # AccountLocked
        131064: _STOPPED,  # MessageFailedToReachMessagingLimit
        # Concerns the recipient's country: one person writing from there must not silence the channel.
        130497: _Rule(errors.AccountStopped, scope=Scope.RECIPIENT),  # AccountRestrictedFromCountry
        # Slow down.
        4: _Rule(errors.RateLimited, scope=Scope.ACCOUNT),  # ToManyAPICalls of the app
        80007: _Rule(errors.RateLimited, scope=Scope.ACCOUNT),  # RateLimitIssues of the business account
        130429: _Rule(errors.RateLimited, scope=Scope.CHANNEL),  # RateLimitHit: throughput of the number
        131048: _Rule(errors.RateLimited, scope=Scope.CHANNEL),  # SpamRateLimitHit
        133016: _Rule(errors.RateLimited, scope=Scope.CHANNEL),  # registration tried too often
        # One message in 6 s to one person (Meta, throughput page, as cited by turn.io).
        131056: _Rule(errors.RateLimited, scope=Scope.RECIPIENT, retry_after=timedelta(seconds=6)),
        # Try again.
        1: _TRANSIENT,  # API Unknown
        2: _TRANSIENT,  # API Service
        131000: _TRANSIENT,  # UnknownError
        131016: _TRANSIENT,  # ServiceUnavailable
        131053: _TRANSIENT,  # MediaUploadError
        135000: _TRANSIENT,  # GenericError
        # A number being upgraded to higher throughput is away for up to a minute.
        131057: _Rule(errors.Transient, scope=Scope.CHANNEL, retry_after=timedelta(minutes=1)),
        # Final for this recipient.
        131021: _UNREACHABLE,  # RecipientCannotBeSender
        131026: _UNREACHABLE,  # MessageUndeliverable
        131030: _UNREACHABLE,  # RecipientNotInAllowedList
        137000: _UNREACHABLE,  # RecipientIdentityKeyMismatch
        131047: _Rule(errors.WindowClosed),  # ReEngagementMessage
        131050: _Rule(errors.RecipientOptedOut),  # UserStoppedMarketingMessages
        131049: _CAPPED,  # healthy ecosystem engagement: wait at least 24 hours
        130472: _CAPPED,  # UserIsInExperimentGroup
        # Our mistake.
        100: _INVALID,  # Graph: invalid parameter
        131008: _INVALID,  # MissingRequiredParameter
        131009: _INVALID,  # InvalidParameter
        131051: _INVALID,  # UnsupportedMessageType
        131052: _INVALID,  # MediaDownloadError: media of an inbound message, never worth a resend
        131062: _INVALID,  # BSUIDRecipientNotSupported for this kind of message
        132000: _INVALID,  # TemplateParamCountMismatch
        132001: _INVALID,  # TemplateNotExists
        132005: _INVALID,  # TemplateTextTooLong
        132007: _INVALID,  # TemplateContentPolicyViolation
        132008: _INVALID,  # TemplateParamValueInvalid
        132012: _INVALID,  # TemplateParamFormatMismatch
        # Pause the campaign.
        132015: _PAUSED,  # TemplatePaused
        132016: _PAUSED,  # TemplateDisabled
        132068: _PAUSED,  # FlowBlocked
        132069: _PAUSED,  # FlowThrottled
    }
)

_PERMISSION_CODES = range(200, 300)
_INVALID_PARAMETER = 100
_OBJECT_NOT_FOUND_SUBCODE = 33


def is_known(code: int) -> bool:
    """Say whether the table has a row for this code."""
    return code in _RULES or code in _PERMISSION_CODES


def classify(
    code: int, message: str = "", *, subcode: int | None = None, retry_after: timedelta | None = None
) -> ProviderError:
    """Return the error for one of Meta's codes, from a send's answer or from a status webhook.

    `retry_after` is what the answer's header asked for; the longer of it and the table's own floor counts.
    An unlisted code becomes `UnknownCode`.
    """
    rule = _rule_for(code, subcode)
    floors = [wait for wait in (retry_after, rule.retry_after) if wait is not None]
    longest = max(floors, default=None)
    if rule.scope is None:
        return rule.error_class(code=code, message=message, retry_after=longest)
    return rule.error_class(code=code, message=message, retry_after=longest, scope=rule.scope)


def _rule_for(code: int, subcode: int | None) -> _Rule:
    if code in _PERMISSION_CODES:
        return _AUTH
    # Graph answers 100/33 when the phone number id doesn't exist or this token can't see it.
    if code == _INVALID_PARAMETER and subcode == _OBJECT_NOT_FOUND_SUBCODE:
        return _SETUP
    return _RULES.get(code) or _Rule(errors.UnknownCode)
