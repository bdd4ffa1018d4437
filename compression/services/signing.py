"""Signatures of completion webhooks, ours and those that come in.

    X-ChatBoost-Timestamp: 1798761600
    X-ChatBoost-Signature: sha256=<HMAC-SHA256 in lower-case hexadecimal of "<timestamp>.<raw body>">

Each organization has a key of its own, so that nobody can sign for another. `/webhook-completed` takes it as
well as the installation's secret, which all of them are made from.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import timedelta

from django.conf import settings
from django.utils.crypto import salted_hmac

from chatboost.core import clock
from compression.errors import BadSignature

TIMESTAMP, SIGNATURE = "X-ChatBoost-Timestamp", "X-ChatBoost-Signature"
# How far the clocks of two machines may be apart; older calls are replays.
TOLERANCE = timedelta(minutes=5)

_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


def installation_secret() -> str:
    """Return COMPRESSION_WEBHOOK_SECRET, or what stands in for it."""
    return settings.COMPRESSION_WEBHOOK_SECRET or salted_hmac("compression.webhook", "").hexdigest()


def key_of(organization_id: int) -> str:
    """Return the key that an organization's completion webhooks are signed with."""
    return _hmac(installation_secret(), f"organization {organization_id}".encode())


def headers(body: bytes, organization_id: int) -> dict[str, str]:
    """Return the headers that sign a body, now."""
    timestamp = str(int(clock.now().timestamp()))
    return {TIMESTAMP: timestamp, SIGNATURE: f"sha256={_signed(key_of(organization_id), timestamp, body)}"}


def require(body: bytes, given: Mapping[str, str], organization_id: int) -> None:
    """Make sure that a body is signed by the organization or the installation, and not long ago.

    Raises: BadSignature.
    """
    timestamp, signature = given.get(TIMESTAMP, ""), _SIGNATURE.fullmatch(given.get(SIGNATURE, ""))
    is_recent = (
        _TIMESTAMP.fullmatch(timestamp) is not None
        and abs(clock.now().timestamp() - int(timestamp)) <= TOLERANCE.total_seconds()
    )
    is_valid = False
    for secret in (installation_secret(), key_of(organization_id)):
        expected = _signed(secret, timestamp, body)
        is_valid |= signature is not None and hmac.compare_digest(expected, signature.group(1))
    if not (is_valid and is_recent):
        raise BadSignature("The call is not signed, or was signed too long ago.")


def _signed(secret: str, timestamp: str, body: bytes) -> str:
    return _hmac(secret, timestamp.encode() + b"." + body)


def _hmac(secret: str, content: bytes) -> str:
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
