"""WhatsApp's webhook: verify the bytes, take them apart, store, answer."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import QuerySet

from chatboost.core.errors import DomainError, Forbidden, NotFound
from chatboost.messaging.models import WHATSAPP_KINDS, Channel
from chatboost.messaging.services import receipts
from chatboost.messaging.webhooks import signature, whatsapp_payload

logger = structlog.get_logger(__name__)

NO_SENDER = "unknown"


class SignatureInvalid(DomainError):
    """The delivery is not signed with a secret we know. Nothing of it was read."""

    status = 401
    default_code = "invalid_signature"


class BodyTooLarge(DomainError):
    """More bytes than any delivery has."""

    status = 413
    default_code = "body_too_large"


class BodyMalformed(DomainError):
    """Signed, but not a JSON object."""

    default_code = "malformed_body"


@dataclass(frozen=True, slots=True)
class Accepted:
    """How many parts a delivery had for us, and how many were new."""

    parts: int
    new: int


def accept(raw: bytes, signature_header: str | None, *, channel_uuid: UUID | None = None) -> Accepted:
    """Store a delivery; what it says is done later. Returns after the commit: then a 200 is honest.

    Without `channel_uuid` the installation's app secrets count and the number in the body says whose it is.
    With it, that channel's own secret counts, and parts about any other number are dropped.

    Raises: SignatureInvalid, BodyTooLarge, BodyMalformed, NotFound.
    """
    if len(raw) > settings.WEBHOOK_MAX_BYTES:
        raise BodyTooLarge("A delivery has at most 3 MiB.")
    own = _channel(channel_uuid) if channel_uuid else None
    if not signature.verify(raw, signature_header, _secrets(own)):
        raise SignatureInvalid("X-Hub-Signature-256 does not match the body.")
    try:
        parts = whatsapp_payload.split(raw)
    except whatsapp_payload.PayloadError as error:
        raise BodyMalformed(str(error)) from error
    delivered = _ours(parts, own)
    return Accepted(len(delivered), receipts.store(delivered))


def challenge(mode: str, token: str, answer: str, *, channel_uuid: UUID | None = None) -> str:
    """Return Meta's challenge when the verify token is ours.

    Raises: Forbidden (`invalid_verify_token`), NotFound.
    """
    own = _channel(channel_uuid) if channel_uuid else None
    expected = (own.verify_token if own else "") or settings.WHATSAPP_WEBHOOK_VERIFY_TOKEN
    is_ours = bool(expected) and hmac.compare_digest(
        expected.encode(), token.encode("utf-8", "surrogatepass")
    )
    if mode != "subscribe" or not is_ours:
        raise Forbidden("The verify token does not match.", code="invalid_verify_token")
    return answer


def _secrets(own: Channel | None) -> Sequence[str]:
    if own and own.app_secret:
        return [own.app_secret]
    return list(settings.WHATSAPP_APP_SECRET)


def _whatsapp_channels() -> QuerySet[Channel]:
    # Not bound to an organization on purpose: the signature and the number say whose delivery it is.
    return Channel.objects.filter(kind__in=WHATSAPP_KINDS)


def _channel(uuid: UUID) -> Channel:
    channel = _whatsapp_channels().filter(uuid=uuid).first()
    if channel is None:
        raise NotFound("No such channel.")
    return channel


def _ours(parts: Sequence[whatsapp_payload.Receipt], own: Channel | None) -> list[receipts.Delivered]:
    numbers = {part.phone_number_id for part in parts if part.phone_number_id}
    channels = (
        {own.external_id: own}
        if own
        else {row.external_id: row for row in _whatsapp_channels().filter(external_id__in=numbers)}
    )
    ours = [
        _delivered(channels[part.phone_number_id], part) for part in parts if part.phone_number_id in channels
    ]
    if len(ours) < len(parts):
        logger.info("webhook_parts_of_unknown_numbers", parts=len(parts), ours=len(ours))
    return ours


def _delivered(channel: Channel, part: whatsapp_payload.Receipt) -> receipts.Delivered:
    return receipts.Delivered(
        channel=channel,
        key=part.key,
        kind=part.kind.value,
        payload=part.payload,
        sender=part.sender or NO_SENDER,
    )
