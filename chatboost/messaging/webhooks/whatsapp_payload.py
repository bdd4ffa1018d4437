"""Take WhatsApp webhook deliveries apart, and read what each part says. Pure.

A delivery mixes any number of entries, changes, messages and statuses; each becomes its own receipt, so one
bad part never costs its good neighbours. What isn't understood is kept as `other`, whole.

Source: facebook/openapi business-messaging-api v23.0 (WebhookPayload and its components), and deliveries seen
in production (missing senders and contacts, milliseconds, unlisted words, errors in three places).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from chatboost.messaging.providers.base import MAX_EXTERNAL_ID
from chatboost.messaging.webhooks import clean_json, whatsapp_content
from chatboost.messaging.webhooks import whatsapp_fields as fields
from chatboost.messaging.webhooks.whatsapp_content import InboundType, VendorError

JsonObject = dict[str, Any]

MAX_KEY = 255
MAX_PHONE_NUMBER_ID = 64
MAX_WORD = 64
MAX_NAME = 255
MAX_BODY_BYTES = 3 * 1024 * 1024
_PART_LISTS = frozenset({"messages", "statuses"})
_ENVELOPE_MEMBERS = frozenset({"messaging_product", "metadata", "contacts", "errors"})


class PayloadError(ValueError):
    """The bytes aren't a JSON object in UTF-8, or a receipt's payload has no message or status in it."""


class ReceiptKind(StrEnum):
    """What a part of a delivery is."""

    MESSAGE = "message"
    STATUS = "status"
    OTHER = "other"


class DeliveryWord(StrEnum):
    """What a status says happened to a message; `OTHER` stands for words no list has."""

    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    PLAYED = "played"
    FAILED = "failed"
    DELETED = "deleted"
    WARNING = "warning"
    OTHER = "other"


_WORDS = {word.value: word for word in DeliveryWord}


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One part of a delivery, cleaned so that any database stores it.

    `key` is the same for every copy of the same part: `m:{wamid}`, `s:{wamid}:{status}:{timestamp}` or
    `x:{sha256}`. `sender` is the person the part is about, "+digits" or a business-scoped id (which wins,
    since it stays when the phone number is hidden): a message's lane. `phone_number_id` is "" where the part
    concerns the whole business account, which `account_id` names.

    Shapes of `payload`: message {"metadata", "message", "contact"?, "errors"?}, status {"metadata", "status",
    "errors"?}; other {"account_id"?, "time"?, "metadata"?} and one of "change" (field, value), "messages",
    "statuses" (a part that can't be read), "entry", "body".
    """

    phone_number_id: str
    key: str
    kind: ReceiptKind
    sender: str | None
    occurred_at: datetime | None
    payload: JsonObject
    account_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundMessage:
    """One inbound message. A sender may have a phone ("+digits"), a user id, both or, rarely, neither.

    `reply_id` is the tapped button's or row's id, or a template button's payload. `context_id` is the id of
    the message being answered or reacted to. `referral` is set when an advertisement led here. `group_id` is
    set for a message in a group.
    """

    external_id: str
    from_phone: str | None
    from_user_id: str | None
    profile_name: str | None
    sent_at: datetime | None
    type: InboundType
    text: str | None
    reply_id: str | None
    reply_title: str | None
    content: JsonObject
    context_id: str | None
    referral: JsonObject | None
    group_id: str | None
    errors: tuple[VendorError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusUpdate:
    """What happened to a message we sent. `tracker` is the id we gave it, `recipient` "+digits" or an id.

    `pricing` holds is_billable, model, category and type; `conversation` id, origin and expires_at (ISO
    8601); each key only when told.
    """

    external_id: str
    status: DeliveryWord
    vendor_status: str
    occurred_at: datetime | None
    tracker: str | None
    recipient: str | None
    errors: tuple[VendorError, ...]
    pricing: JsonObject | None
    conversation: JsonObject | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Envelope:
    """What stands around a part: the business account, its time, the number and the contacts."""

    account_id: str = ""
    time: object = None
    phone_number_id: str = ""
    metadata: JsonObject = field(default_factory=dict)
    contacts: tuple[JsonObject, ...] = ()
    errors: list[JsonObject] = field(default_factory=list)


def split(body: bytes) -> list[Receipt]:
    """Return one receipt per message, status and unknown change, in the delivery's order, copies left out.

    Raises:
        PayloadError: the bytes can't be parsed, aren't an object or pass Meta's 3 MB; nothing else ever.
    """
    if len(body) > MAX_BODY_BYTES:
        raise PayloadError("The body is larger than any delivery.")
    try:
        delivery = clean_json.load(body)
    except clean_json.Unreadable as problem:
        raise PayloadError(f"The body isn't readable JSON ({problem}).") from problem
    if not isinstance(delivery, dict):
        raise PayloadError("The body isn't a JSON object.")
    entries = delivery.get("entry")
    if not isinstance(entries, list):
        return [_other(_Envelope(), {"body": delivery})]
    first: dict[tuple[str, str], Receipt] = {}
    for receipt in (receipt for entry in entries for receipt in _split_entry(entry)):
        first.setdefault((receipt.phone_number_id, receipt.key), receipt)
    return list(first.values())


def parse_message(payload: Mapping[str, Any]) -> InboundMessage:
    """Read the payload of a message receipt.

    Raises:
        PayloadError: there is no message with an id in it.
    """
    payload = clean_json.clean(dict(payload))
    message, contact = fields.mapping(payload.get("message")), fields.mapping(payload.get("contact"))
    external_id = _external_id(message)
    if external_id is None:
        raise PayloadError("The payload holds no message with an id.")
    said = whatsapp_content.read(message)
    phone, user_id = _identity(message, contact)
    context = fields.mapping(message.get("context"))
    return InboundMessage(
        external_id=external_id,
        from_phone=phone,
        from_user_id=user_id,
        profile_name=_profile_name(contact),
        sent_at=fields.moment(message.get("timestamp")),
        type=said.type,
        text=said.text,
        reply_id=said.reply_id,
        reply_title=said.reply_title,
        content={**said.content, **_context_content(context)},
        context_id=fields.text(context.get("id")) or _reaction_target(said),
        referral=fields.mapping(message.get("referral")) or None,
        group_id=fields.text(message.get("group_id")),
        errors=whatsapp_content.read_errors(message.get("errors"))
        + whatsapp_content.read_errors(payload.get("errors")),
    )


def parse_status(payload: Mapping[str, Any]) -> StatusUpdate:
    """Read the payload of a status receipt.

    Raises:
        PayloadError: there is no status with an id and a word in it.
    """
    payload = clean_json.clean(dict(payload))
    status = fields.mapping(payload.get("status"))
    external_id, word = _external_id(status), fields.text(status.get("status"))
    if external_id is None or word is None:
        raise PayloadError("The payload holds no status with an id and a word.")
    return StatusUpdate(
        external_id=external_id,
        status=_WORDS.get(word, DeliveryWord.OTHER),
        vendor_status=word[:MAX_WORD],
        occurred_at=fields.moment(status.get("timestamp")),
        tracker=fields.text(status.get("biz_opaque_callback_data")),
        recipient=_recipient(status),
        errors=whatsapp_content.read_errors(status.get("errors"))
        + whatsapp_content.read_errors(payload.get("errors")),
        pricing=_pricing(fields.mapping(status.get("pricing"))),
        conversation=_conversation(fields.mapping(status.get("conversation"))),
    )


def _split_entry(entry: object) -> Iterator[Receipt]:
    if not isinstance(entry, dict) or not isinstance(entry.get("changes"), list):
        yield _other(_Envelope(), {"entry": entry})
        return
    account_id = (fields.identifier(entry.get("id")) or "")[:MAX_PHONE_NUMBER_ID]
    for change in entry["changes"]:
        yield from _split_change(account_id, entry.get("time"), change)


def _split_change(account_id: str, time: object, change: object) -> Iterator[Receipt]:
    value = fields.mapping(fields.mapping(change).get("value"))
    metadata = fields.mapping(value.get("metadata"))
    number_id = fields.identifier(metadata.get("phone_number_id")) or ""
    envelope = _Envelope(
        account_id=account_id,
        time=time,
        phone_number_id=number_id if len(number_id) <= MAX_PHONE_NUMBER_ID else "",
        metadata=metadata,
        contacts=tuple(fields.objects(value.get("contacts"))),
        errors=fields.objects(value.get("errors")),
    )
    if fields.mapping(change).get("field") != "messages" or not envelope.phone_number_id:
        yield _other(envelope, {"change": change})
        return
    yield from _split_messages_value(envelope, value)


def _split_messages_value(envelope: _Envelope, value: JsonObject) -> Iterator[Receipt]:
    parts = [
        (name, make, part)
        for name, make in (("messages", _message_receipt), ("statuses", _status_receipt))
        for part in _items(value.get(name))
    ]
    is_alone = len(parts) == 1
    for name, make, part in parts:
        yield make(envelope, part, is_alone=is_alone) or _other(envelope, {"field": "messages", name: part})
    rest = {name: item for name, item in value.items() if not _is_understood(name, item)}
    # Errors beside several parts belong to none of them in particular.
    if value.get("errors") and not is_alone:
        rest["errors"] = value["errors"]
    if rest or not parts:
        yield _other(envelope, {"change": {"field": "messages", "value": rest if parts else value}})


def _items(parts: object) -> list[object]:
    return parts if isinstance(parts, list) else []


def _is_understood(name: str, item: object) -> bool:
    """Say whether a member of a value is read elsewhere; a list of parts that is no list isn't."""
    return isinstance(item, list) if name in _PART_LISTS else name in _ENVELOPE_MEMBERS


def _message_receipt(envelope: _Envelope, message: object, *, is_alone: bool) -> Receipt | None:
    """Return None for something without a usable id."""
    external_id = _external_id(message)
    if not isinstance(message, dict) or external_id is None:
        return None
    contact = _contact_of(message, envelope.contacts, is_alone=is_alone)
    phone, user_id = _identity(message, contact)
    return Receipt(
        phone_number_id=envelope.phone_number_id,
        key=_key("m", external_id),
        kind=ReceiptKind.MESSAGE,
        sender=user_id or phone,
        occurred_at=fields.moment(message.get("timestamp")),
        payload=_payload(envelope, is_alone=is_alone, message=message, contact=contact or None),
        account_id=envelope.account_id,
    )


def _status_receipt(envelope: _Envelope, status: object, *, is_alone: bool) -> Receipt | None:
    """Return None for something without a usable id and word."""
    external_id = _external_id(status)
    if not isinstance(status, dict) or external_id is None:
        return None
    word = fields.text(status.get("status"))
    if word is None:
        return None
    parts = [external_id, word, fields.identifier(status.get("timestamp")) or ""]
    # In a group every participant reads the same message, perhaps within the same second.
    participant = fields.identifier(status.get("recipient_participant_id"))
    if participant is not None:
        parts.append(participant)
    return Receipt(
        phone_number_id=envelope.phone_number_id,
        key=_key("s", *parts),
        kind=ReceiptKind.STATUS,
        sender=_recipient(status),
        occurred_at=fields.moment(status.get("timestamp")),
        payload=_payload(envelope, is_alone=is_alone, status=status),
        account_id=envelope.account_id,
    )


def _other(envelope: _Envelope, payload: JsonObject) -> Receipt:
    """Keep something whole. The entry's id and time count, or a second "approved" would pass for a copy."""
    whole = fields.present(account_id=envelope.account_id or None, time=envelope.time, **payload)
    if envelope.metadata:
        whole["metadata"] = envelope.metadata
    return Receipt(
        phone_number_id=envelope.phone_number_id,
        key=f"x:{clean_json.digest(whole)}",
        kind=ReceiptKind.OTHER,
        sender=None,
        occurred_at=fields.moment(envelope.time),
        payload=whole,
        account_id=envelope.account_id,
    )


def _payload(envelope: _Envelope, *, is_alone: bool, **parts: JsonObject | None) -> JsonObject:
    errors = envelope.errors if is_alone else None
    return fields.present(metadata=envelope.metadata, errors=errors or None, **parts)


def _key(prefix: str, *parts: str) -> str:
    key = ":".join((prefix, *parts))
    return key if len(key) <= MAX_KEY else f"{prefix}:{clean_json.digest(parts)}"


def _external_id(part: object) -> str | None:
    external_id = fields.text(fields.mapping(part).get("id"))
    return external_id if external_id is not None and len(external_id) <= MAX_EXTERNAL_ID else None


def _contact_of(message: JsonObject, contacts: tuple[JsonObject, ...], *, is_alone: bool) -> JsonObject:
    """Return the sender's contact; a lone contact beside a lone message is it, even if the numbers differ."""
    sender, user_id = message.get("from"), message.get("from_user_id")
    for contact in contacts:
        if sender and sender in (contact.get("wa_id"), contact.get("user_id")):
            return contact
        if user_id and user_id == contact.get("user_id"):
            return contact
    is_unnamed = not sender and not user_id
    return contacts[0] if len(contacts) == 1 and (is_alone or is_unnamed) else {}


def _identity(message: JsonObject, contact: JsonObject) -> tuple[str | None, str | None]:
    """Return the sender's phone and business-scoped id; `from` may hold either."""
    phone = fields.phone(message.get("from")) or fields.phone(contact.get("wa_id"))
    user_id = (
        fields.user_id(message.get("from_user_id"))
        or fields.user_id(contact.get("user_id"))
        or fields.user_id(message.get("from"))
    )
    return phone, user_id


def _profile_name(contact: JsonObject) -> str | None:
    name = fields.text(fields.mapping(contact.get("profile")).get("name"))
    return name[:MAX_NAME] if name else None


def _recipient(status: JsonObject) -> str | None:
    """Return the recipient; in a group, the participant the status is about."""
    if status.get("recipient_type") == "group":
        names = ("recipient_participant_user_id", "recipient_participant_id")
    else:
        names = ("recipient_user_id", "recipient_id")
    for name in names:
        found = fields.user_id(status.get(name)) or fields.phone(status.get(name))
        if found is not None:
            return found
    return None


def _context_content(context: JsonObject) -> JsonObject:
    is_forwarded = context.get("forwarded") is True or context.get("frequently_forwarded") is True
    return fields.present(
        is_forwarded=True if is_forwarded else None,
        referred_product=fields.mapping(context.get("referred_product")) or None,
    )


def _reaction_target(said: whatsapp_content.InboundContent) -> str | None:
    return said.content["message_id"] if said.type is InboundType.REACTION else None


def _pricing(pricing: JsonObject) -> JsonObject | None:
    billable = pricing.get("billable")
    told = fields.present(
        is_billable=billable if isinstance(billable, bool) else None,
        model=fields.text(pricing.get("pricing_model")),
        category=fields.text(pricing.get("category")),
        type=fields.text(pricing.get("type")),
    )
    return told or None


def _conversation(conversation: JsonObject) -> JsonObject | None:
    expires_at = fields.moment(conversation.get("expiration_timestamp"))
    told = fields.present(
        id=fields.text(conversation.get("id")),
        origin=fields.text(fields.mapping(conversation.get("origin")).get("type")),
        expires_at=expires_at.isoformat() if expires_at else None,
    )
    return told or None
