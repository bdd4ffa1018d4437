"""Proof that a webhook delivery comes from Meta.

Source: Meta, "Webhooks, validating payloads": X-Hub-Signature-256 is "sha256=" and the lower-case hexadecimal
HMAC-SHA256 of the raw body under the app secret.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence

_HEADER = re.compile(r"sha256=([0-9a-f]{64})")


def verify(raw: bytes, header: str | None, secrets: Sequence[str]) -> bool:
    """Say whether `header` signs exactly these bytes under one of the secrets.

    Several secrets allow rotation. Without a secret nothing passes; an empty string is no secret. A header
    that came twice (joined by a comma) isn't a header.
    """
    match = _HEADER.fullmatch(header or "")
    if match is None:
        return False
    given = match.group(1)
    is_valid = False
    # Every secret is tried, so the time taken doesn't tell which one matched.
    for secret in secrets:
        if secret:
            expected = hmac.new(secret.encode("utf-8", "surrogateescape"), raw, hashlib.sha256).hexdigest()
            is_valid |= hmac.compare_digest(expected, given)
    return is_valid
