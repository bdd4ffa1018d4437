"""What a source must be like before it is stored."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from django.conf import settings

from chatboost.core.errors import ValidationFailed
from chatboost.core.http import urls
from chatboost.core.http.errors import Refused
from chatboost.messaging import attribute_values
from invitations.choices import AudienceKind, AuthKind, LuckyMode, SourceKind
from invitations.models import InvitationSource
from invitations.providers import AUDIENCES

MAX_POLL_MINUTES: Final = 24 * 60
_FORM: Final = re.compile(r"[1-9][0-9]{0,17}")
_SEGMENT: Final = re.compile(r"[\w-]{1,190}")
_API: Final = re.compile(r"/(api)?/*$")
_CREDENTIALS: Final[Mapping[str, tuple[str, str]]] = {
    AuthKind.BASIC: ("username", "password"),
    AuthKind.OAUTH2: ("client_id", "client_secret"),
}


def require(source: InvitationSource) -> None:
    """Check everything that a form can't, and write the address in its one spelling.

    Raises: ValidationFailed (`invalid_audience, invalid_audience_id, invalid_range, invalid_poll_minutes,
    address_required, invalid_address, https_required, credentials_required, not_polled`, and the codes of
    refused addresses).
    """
    if source.audience not in AUDIENCES[source.kind]:
        raise _wrong("audience", f"{source.get_kind_display()} has no such choice.", "invalid_audience")
    _require_audience_id(source)
    if source.lucky_mode == LuckyMode.RANDOM and source.lucky_first == source.lucky_last:
        raise _wrong("lucky_last", "A range to draw from has more than one number.", "invalid_range")
    if source.lucky_first > source.lucky_last:
        raise _wrong("lucky_last", "The last number is not below the first.", "invalid_range")
    if not 1 <= source.poll_minutes <= MAX_POLL_MINUTES:
        raise _wrong("poll_minutes", "Between a minute and a day.", "invalid_poll_minutes")
    if source.is_polled and source.kind == SourceKind.FILE:
        raise _wrong("is_polled", "A file does not change: there is nothing to look for.", "not_polled")
    if source.kind == SourceKind.MAUTIC:
        _require_mautic(source)


def plain_address(address: str) -> str:
    """Return an address in its one spelling: where Mautic begins, not its API."""
    return _API.sub("", address.strip())


def origin_of(address: str) -> str:
    """Return what credentials belong to: scheme, host and port; "" for no address."""
    try:
        target = urls.parse(address)
    except Refused:
        return ""
    return f"{target.scheme}://{target.authority}"


def secrets_of(auth: str) -> tuple[str, str]:
    """Return the two fields that a way to sign in needs."""
    return _CREDENTIALS[auth]


def _require_audience_id(source: InvitationSource) -> None:
    text = source.audience_id = source.audience_id.strip()
    key, mark, _ = text.partition("=")
    is_right = {
        AudienceKind.ALL: not text,
        AudienceKind.FORM: bool(_FORM.fullmatch(text)),
        AudienceKind.SEGMENT: bool(_SEGMENT.fullmatch(text)),
        AudienceKind.ATTRIBUTE: bool(mark) and attribute_values.is_key(key.strip()),
    }
    if source.audience == AudienceKind.ALL:
        source.audience_id = ""
    elif not is_right[AudienceKind(source.audience)]:
        words = {
            AudienceKind.FORM: "The number of the form, as its page in Mautic shows it.",
            AudienceKind.SEGMENT: "The alias of the segment.",
            AudienceKind.ATTRIBUTE: "Write key=value.",
        }
        raise _wrong("audience_id", words[AudienceKind(source.audience)], "invalid_audience_id")


def _require_mautic(source: InvitationSource) -> None:
    if not source.base_url:
        raise _wrong("base_url", "Where is this Mautic?", "address_required")
    source.base_url = plain_address(source.base_url)
    try:
        target = urls.parse(source.base_url)
        policy = urls.Policy(frozenset(host.lower() for host in settings.FETCH_ALLOWED_PRIVATE_HOSTS))
        policy.vet(target)
    except Refused as refusal:
        message = f"{refusal.message[:1].upper()}{refusal.message[1:]}."
        raise _wrong("base_url", message, refusal.code) from refusal
    if "?" in source.base_url or "#" in source.base_url:
        raise _wrong("base_url", "The address ends where Mautic begins.", "invalid_address")
    if target.scheme != "https" and not policy.is_exempt(target):
        raise _wrong("base_url", "Credentials are only sent by https.", "https_required")
    missing = [name for name in secrets_of(source.auth) if not getattr(source, name)]
    if missing:
        raise ValidationFailed(
            "Mautic wants a sign-in.",
            code="credentials_required",
            errors={name: ["This field is required."] for name in missing},
        )
    if source.auth == AuthKind.BASIC and ":" in source.username:
        raise _wrong("username", "A user name has no colon.", "invalid_username")


def _wrong(field: str, message: str, code: str) -> ValidationFailed:
    errors: Mapping[str, Sequence[str]] = {field: [message]}
    return ValidationFailed(message, code=code, errors=errors)
