"""WhatsApp's webhook: verify the bytes, take them apart, store, answer."""

import hmac
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import QuerySet

from chatboost.core.db import reads
from chatboost.core.db.retry import retry_tx
from chatboost.core.errors import DomainError, Forbidden, NotFound
from chatboost.messaging.models import WHATSAPP_KINDS, Channel
from chatboost.messaging.selectors.channels import SECRETS
from chatboost.messaging.services import receipts
from chatboost.messaging.webhooks import signature, whatsapp_payload
from teams.models import Organization

ORGANIZATIONS_OF = "id IN (SELECT organization_id FROM messaging_channel WHERE {channel})"

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


@dataclass(frozen=True, slots=True)
class Opened:
    """A delivery that was signed rightly; `own` is the channel at whose door it came, if it has one."""

    parts: Sequence[whatsapp_payload.Receipt]
    own: Channel | None


def accept(raw: bytes, signature_header: str | None, *, channel_uuid: UUID | None = None) -> Accepted:
    """Store a delivery; what it says is done later. Returns after the commit: then a 200 is honest.

    Without `channel_uuid` the installation's app secrets count and the number in the body says whose it is.
    With it, that channel's own secret counts, and parts about any other number are dropped.

    Raises: SignatureInvalid, BodyTooLarge, BodyMalformed, NotFound.
    """
    if len(raw) > settings.WEBHOOK_MAX_BYTES:
        raise BodyTooLarge("A delivery has at most 3 MiB.")
    own = _channel(channel_uuid) if channel_uuid else None
    delivered = address([Opened(open_delivery(raw, signature_header, own), own)])[0]
    return Accepted(len(delivered), retry_tx(lambda: receipts.store(delivered)))


def open_delivery(
    raw: bytes, signature_header: str | None, own: Channel | None
) -> list[whatsapp_payload.Receipt]:
    """Verify the bytes and take them apart; asks no database. `own` is the channel at whose door it came.

    Raises: SignatureInvalid, BodyMalformed.
    """
    if not signature.verify(raw, signature_header, _secrets(own)):
        raise SignatureInvalid("X-Hub-Signature-256 does not match the body.")
    try:
        return whatsapp_payload.split(raw)
    except whatsapp_payload.PayloadError as error:
        raise BodyMalformed(str(error)) from error


def address(opened: Sequence[Opened]) -> list[list[receipts.Delivered]]:
    """Find the channels of all deliveries' parts, in one query; parts that are nobody's are dropped."""
    numbers = {part.phone_number_id for each in opened if each.own is None for part in each.parts} - {""}
    shared = _channels_of(numbers) if numbers else {}
    return [_ours(each.parts, {each.own.external_id: each.own} if each.own else shared) for each in opened]


def no_such_channel() -> NotFound:
    """Return the refusal of a door that doesn't exist."""
    return NotFound("No such channel.")


def own_channels(uuids: Collection[UUID]) -> dict[UUID, Channel]:
    """Return the channels that have these doors, in one query."""
    return {row.uuid: row for row in _whatsapp_channels().filter(uuid__in=uuids)} if uuids else {}


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


def _channels_of(numbers: Collection[str]) -> dict[str, Channel]:
    """Return the channels that have these numbers, and whose they are; one round trip."""
    number, numbers_ = reads.among("external_id", numbers)
    kind, kinds = reads.among("kind", WHATSAPP_KINDS)
    where, values = f"{number} AND {kind}", [numbers_, kinds]
    found, organizations = reads.fetch(
        # Secrets stay where they are: to decrypt them costs more than the rest.
        reads.Read(model=Channel, where=where, values=values, without=SECRETS),
        reads.Read(model=Organization, where=ORGANIZATIONS_OF.format(channel=where), values=values),
    )
    owner_of = {row.pk: row for row in organizations}
    for row in found:
        row.organization = owner_of[row.organization_id]
    return {row.external_id: row for row in found}


def _secrets(own: Channel | None) -> Sequence[str]:
    if own and own.app_secret:
        return [own.app_secret]
    return list(settings.WHATSAPP_APP_SECRET)


def _whatsapp_channels() -> QuerySet[Channel]:
    # The signature and the number say whose delivery it is.
    rows = Channel.objects.across_organizations().select_related("organization")
    return rows.filter(kind__in=WHATSAPP_KINDS)


def _channel(uuid: UUID) -> Channel:
    channel = own_channels([uuid]).get(uuid)
    if channel is None:
        raise no_such_channel()
    return channel


def _ours(
    parts: Sequence[whatsapp_payload.Receipt], channels: Mapping[str, Channel]
) -> list[receipts.Delivered]:
    found = [(channels.get(part.phone_number_id), part) for part in parts]
    ours = [_delivered(channel, part) for channel, part in found if channel and _is_wanted(channel, part)]
    if len(ours) < len(parts):
        logger.info("webhook_parts_dropped", parts=len(parts), ours=len(ours))
    return ours


def _is_wanted(channel: Channel, part: whatsapp_payload.Receipt) -> bool:
    """Tell whether the part is kept: of an organization that is switched off, only what became of messages.

    What a person writes to it is dropped. A status is kept, since its absence would count as silence, by
    which an unclear message is sent once more.
    """
    return channel.organization.is_active or part.kind is whatsapp_payload.ReceiptKind.STATUS


def _delivered(channel: Channel, part: whatsapp_payload.Receipt) -> receipts.Delivered:
    return receipts.Delivered(
        channel=channel,
        key=part.key,
        kind=part.kind.value,
        payload=part.payload,
        sender=part.sender or NO_SENDER,
    )
