"""Meta's WhatsApp Cloud API.

Which answers are certain. Graph offers no idempotency key, so a send is repeated only when it certainly
wasn't accepted:
- never reached Graph (refused, DNS, TLS): `Rejected(Transient)`;
- an error object whose code the table knows is Graph's own verdict, whatever the HTTP status, so also a 500
  with code 131000 or a 503 with 131016: `Rejected`;
- any other 5xx may come from a gateway behind which the message was accepted: `Unknown`. So may a success
  that can't be read, and every timeout, reset or oversized answer;
- any other 4xx refused the request before it was carried out: `Rejected`.

Source: facebook/openapi business-messaging-api v23.0 for paths and shapes; Graph API manual, "Handling
errors".
"""

import functools
import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from chatboost.core.http import client as http
from chatboost.core.http import waiting
from chatboost.messaging.providers import errors, whatsapp_body, whatsapp_errors
from chatboost.messaging.providers.base import (
    MAX_EXTERNAL_ID,
    Accepted,
    CheckOutcome,
    Credentials,
    OutboundMessage,
    Outcome,
    Rejected,
    Unknown,
    Working,
)
from chatboost.messaging.providers.errors import ProviderError

MAX_ANSWER_BYTES = 256 * 1024
_MAX_REASON = 500
_HEALTH_FIELDS = "id,display_phone_number,verified_name,quality_rating"

Answer = http.Response | Rejected | Unknown


class WhatsAppProvider:
    """Sends for one phone number of the Cloud API."""

    def __init__(self, credentials: Credentials) -> None:
        """Prepare the adapter; nothing is sent."""
        self._credentials = credentials
        self._deadline = credentials.deadline
        self._node = "/".join(
            ("", quote(credentials.api_version, safe=""), quote(credentials.phone_number_id, safe=""))
        )

    def send(self, message: OutboundMessage) -> Outcome:
        """Send one message, with our tracker in `biz_opaque_callback_data`."""
        try:
            body = whatsapp_body.build(message)
        except whatsapp_body.InvalidMessage as problem:
            return Rejected(errors.InvalidRequest(message=str(problem)))
        answer = self._call("POST", f"{self._node}/messages", json=body)
        if not isinstance(answer, http.Response):
            return answer
        if not _is_success(answer):
            return self._refusal(answer)
        return _read_accepted(answer)

    def check(self) -> CheckOutcome:
        """Read the phone number's own record, which needs a working token and the right number id."""
        answer = self._call("GET", self._node, params={"fields": _HEALTH_FIELDS})
        if not isinstance(answer, http.Response):
            return answer
        if not _is_success(answer):
            return self._refusal(answer)
        number = _json_object(answer)
        if "id" not in number:
            return Rejected(errors.BadResponse(message="The answer isn't a phone number's record."))
        return Working(
            display_phone_number=_word(number.get("display_phone_number")),
            verified_name=_word(number.get("verified_name")),
            quality_rating=_word(number.get("quality_rating")),
        )

    def _call(
        self, method: str, path: str, *, json: object = None, params: Mapping[str, str] | None = None
    ) -> Answer:
        token = self._credentials.access_token
        # A header can't carry anything else, and a pasted line break would end it early.
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            return Rejected(errors.AuthFailed(message="The access token is empty or holds stray characters."))
        try:
            client = _shared_client(os.getpid(), self._credentials.base_url, self._deadline)
            return client.request(
                method, path, json=json, params=params, headers={"Authorization": f"Bearer {token}"}
            )
        except http.NotSent as problem:
            return Rejected(errors.Transient(message=self._safe(str(problem))))
        except http.Refused as problem:
            # Our own policy: the address can't be used. A vendor's client follows nothing, so nothing left.
            return Rejected(errors.ChannelMisconfigured(message=self._safe(str(problem))))
        except http.HttpError as problem:
            return Unknown(self._safe(f"{type(problem).__name__}: {problem}"))

    def _refusal(self, answer: http.Response) -> Rejected | Unknown:
        """Read an answer that isn't a success."""
        wait = waiting.asked_by(answer)
        error = _json_object(answer).get("error")
        code = _integer(error.get("code")) if isinstance(error, dict) else None
        if not isinstance(error, dict) or code is None:
            return self._unreadable_refusal(answer, wait)
        message = self._safe(_describe(error))
        if whatsapp_errors.is_known(code):
            subcode = _integer(error.get("error_subcode"))
            return Rejected(whatsapp_errors.classify(code, message, subcode=subcode, retry_after=wait))
        if answer.status == 429:
            return Rejected(
                errors.RateLimited(code=code, message=message, scope=errors.Scope.CHANNEL, retry_after=wait)
            )
        if answer.is_success or answer.status >= 500:
            return Unknown(f"HTTP {answer.status} with unlisted code {code}: {message}"[:_MAX_REASON])
        return Rejected(whatsapp_errors.classify(code, message, retry_after=wait))

    def _unreadable_refusal(self, answer: http.Response, wait: timedelta | None) -> Rejected | Unknown:
        message = f"HTTP {answer.status} without a readable error"
        if answer.is_success or answer.status >= 500:
            return Unknown(message)
        error: ProviderError
        if answer.status == 429:
            error = errors.RateLimited(message=message, scope=errors.Scope.CHANNEL, retry_after=wait)
        elif answer.status == 408:
            error = errors.Transient(message=message, retry_after=wait)
        else:
            error = errors.BadResponse(message=message, retry_after=wait)
        return Rejected(error)

    def _safe(self, text: str) -> str:
        """Return text fit for a log or a page: short, one line, and without the token Graph may quote."""
        shown = text.replace(self._credentials.access_token, "[token]")
        return "".join(c if c.isprintable() else " " for c in shown[:_MAX_REASON])


@functools.lru_cache(maxsize=32)
def _shared_client(process_id: int, base_url: str, deadline: timedelta) -> http.VendorClient:
    """Return the client that keeps connections for all channels of one address.

    The process id is part of the key: a forked child must not write into its parent's connections.
    """
    return http.VendorClient(base_url=base_url, deadline=deadline, max_bytes=MAX_ANSWER_BYTES)


def _is_success(answer: http.Response) -> bool:
    return answer.is_success and "error" not in _json_object(answer)


def _read_accepted(answer: http.Response) -> Accepted | Unknown:
    """Read the new message's id; a success without one is unclear, since the message may well exist."""
    messages = _json_object(answer).get("messages")
    first = messages[0] if isinstance(messages, list) and messages else None
    external_id = first.get("id") if isinstance(first, dict) else None
    if not isinstance(first, dict) or not isinstance(external_id, str) or not external_id.isprintable():
        return Unknown(f"HTTP {answer.status} without a message id")
    if not 0 < len(external_id) <= MAX_EXTERNAL_ID:
        return Unknown(f"HTTP {answer.status} with a message id of {len(external_id)} characters")
    return Accepted(external_id, _word(first.get("message_status")) or "accepted")


def _json_object(answer: http.Response) -> dict[str, Any]:
    """Return the answer's JSON object, or an empty one for anything else."""
    try:
        parsed = answer.json()
    except http.BadBody:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _describe(error: Mapping[str, Any]) -> str:
    data = error.get("error_data")
    details = data.get("details") if isinstance(data, dict) else None
    parts = [part for part in (error.get("message"), details) if isinstance(part, str) and part]
    return ": ".join(dict.fromkeys(parts))


def _integer(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 10:
        return int(value)
    return None


def _word(value: object) -> str:
    return "".join(c for c in value[:100] if c.isprintable()) if isinstance(value, str) else ""
