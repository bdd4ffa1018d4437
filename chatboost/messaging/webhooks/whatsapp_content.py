"""What one inbound WhatsApp message says, by type. Pure; expects cleaned JSON and never raises.

A message whose content is missing or unusable is `UNSUPPORTED`, with the vendor's own word kept, rather than
a half-read message of its type.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from chatboost.messaging.webhooks import clean_json
from chatboost.messaging.webhooks import whatsapp_fields as fields

JsonObject = dict[str, Any]


class InboundType(StrEnum):
    """Our words for what came in."""

    TEXT = "text"
    BUTTON_REPLY = "button_reply"
    LIST_REPLY = "list_reply"
    FLOW_REPLY = "flow_reply"
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"
    STICKER = "sticker"
    LOCATION = "location"
    CONTACTS = "contacts"
    REACTION = "reaction"
    ORDER = "order"
    SYSTEM = "system"
    EDIT = "edit"
    REVOKE = "revoke"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorError:
    """An error the vendor reports. `details` is the longer explanation, "" where there is none."""

    code: int | None
    title: str
    details: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundContent:
    """The readable part of a message. `text` is what a person wrote or tapped, None where nothing was."""

    type: InboundType
    text: str | None = None
    reply_id: str | None = None
    reply_title: str | None = None
    content: JsonObject = field(default_factory=dict)


def read(message: Mapping[str, Any]) -> InboundContent:
    """Read a message object of `value.messages[]`."""
    word = fields.text(message.get("type"))
    reader = _READERS.get(word or "")
    content = reader(message) if reader is not None else None
    if content is not None:
        return content
    kind = fields.text(fields.mapping(message.get("unsupported")).get("type"))
    return InboundContent(
        type=InboundType.UNSUPPORTED, content=fields.present(vendor_type=word, vendor_subtype=kind)
    )


def read_errors(value: object) -> tuple[VendorError, ...]:
    """Read an `errors` list; the same shape stands in statuses, in messages and beside them."""
    return tuple(
        VendorError(
            code=fields.integer(error.get("code")),
            title=fields.text(error.get("title")) or fields.text(error.get("message")) or "",
            details=fields.text(fields.mapping(error.get("error_data")).get("details")) or "",
        )
        for error in fields.objects(value)
    )


def _read_text(message: Mapping[str, Any]) -> InboundContent | None:
    body = fields.text(fields.mapping(message.get("text")).get("body"))
    return InboundContent(type=InboundType.TEXT, text=body) if body is not None else None


def _read_button(message: Mapping[str, Any]) -> InboundContent | None:
    """Read a tap on a template's quick reply button."""
    button = fields.mapping(message.get("button"))
    title, payload = fields.text(button.get("text")), fields.text(button.get("payload"))
    return _tapped(InboundType.BUTTON_REPLY, payload or title, title)


def _read_interactive(message: Mapping[str, Any]) -> InboundContent | None:
    interactive = fields.mapping(message.get("interactive"))
    word = fields.text(interactive.get("type"))
    reply = fields.mapping(interactive.get(word)) if word else {}
    if word == "nfm_reply":
        return _flow_reply(reply)
    kind = {"button_reply": InboundType.BUTTON_REPLY, "list_reply": InboundType.LIST_REPLY}.get(word or "")
    if kind is None:
        return None
    return _tapped(
        kind,
        fields.identifier(reply.get("id")),
        fields.text(reply.get("title")),
        description=fields.text(reply.get("description")),
    )


def _tapped(
    kind: InboundType, reply_id: str | None, title: str | None, **extra: str | None
) -> InboundContent | None:
    if reply_id is None:
        return None
    content = fields.present(id=reply_id, title=title, **extra)
    return InboundContent(type=kind, text=title, reply_id=reply_id, reply_title=title, content=content)


def _flow_reply(reply: Mapping[str, Any]) -> InboundContent | None:
    """Read the answers of a WhatsApp Flow: a string of JSON, which may be broken or not an object."""
    raw = fields.text(reply.get("response_json"))
    if raw is None:
        return None
    try:
        answers = clean_json.load(raw.encode())
    except clean_json.Unreadable:
        answers = None
    content = fields.present(
        name=fields.text(reply.get("name")),
        response=answers if isinstance(answers, dict) else None,
        response_json=None if isinstance(answers, dict) else raw,
    )
    return InboundContent(type=InboundType.FLOW_REPLY, text=fields.text(reply.get("body")), content=content)


def _media_reader(kind: InboundType) -> Callable[[Mapping[str, Any]], InboundContent | None]:
    def read_media(message: Mapping[str, Any]) -> InboundContent | None:
        media = fields.mapping(message.get(kind.value))
        media_id = fields.identifier(media.get("id"))
        if media_id is None:
            return None
        content = fields.present(
            media_id=media_id,
            mime_type=fields.text(media.get("mime_type")),
            sha256=fields.text(media.get("sha256")),
            filename=fields.text(media.get("filename")),
            url=fields.text(media.get("url")),
            is_voice=True if media.get("voice") is True else None,
            is_animated=True if media.get("animated") is True else None,
        )
        return InboundContent(type=kind, text=fields.text(media.get("caption")), content=content)

    return read_media


def _read_location(message: Mapping[str, Any]) -> InboundContent | None:
    location = fields.mapping(message.get("location"))
    latitude, longitude = fields.number(location.get("latitude")), fields.number(location.get("longitude"))
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        return None
    content = fields.present(
        latitude=latitude,
        longitude=longitude,
        name=fields.text(location.get("name")),
        address=fields.text(location.get("address")),
        url=fields.text(location.get("url")),
    )
    return InboundContent(type=InboundType.LOCATION, content=content)


def _read_contacts(message: Mapping[str, Any]) -> InboundContent | None:
    cards = fields.objects(message.get("contacts"))
    return InboundContent(type=InboundType.CONTACTS, content={"contacts": cards}) if cards else None


def _read_reaction(message: Mapping[str, Any]) -> InboundContent | None:
    """Read a reaction; without an emoji it takes an earlier one back."""
    reaction = fields.mapping(message.get("reaction"))
    target = fields.text(reaction.get("message_id"))
    if target is None:
        return None
    content = {"message_id": target, "emoji": fields.text(reaction.get("emoji"))}
    return InboundContent(type=InboundType.REACTION, content=content)


def _read_order(message: Mapping[str, Any]) -> InboundContent | None:
    """Read a cart. Prices stay text, as given: they are amounts in `currency`, perhaps with decimals."""
    order = fields.mapping(message.get("order"))
    items = [
        fields.present(
            product_retailer_id=fields.identifier(item.get("product_retailer_id")),
            quantity=fields.integer(item.get("quantity")),
            item_price=_amount(item.get("item_price")),
            currency=fields.text(item.get("currency")),
        )
        for item in fields.objects(order.get("product_items"))
    ]
    if not items:
        return None
    content = fields.present(catalog_id=fields.identifier(order.get("catalog_id")), items=items)
    return InboundContent(type=InboundType.ORDER, text=fields.text(order.get("text")), content=content)


def _amount(value: object) -> str | None:
    return str(value) if fields.number(value) is not None else None


def _read_system(message: Mapping[str, Any]) -> InboundContent | None:
    """Read a notice such as a changed number; nobody wrote it, so it has no text."""
    system = fields.mapping(message.get("system"))
    if not system:
        return None
    content = fields.present(
        event=fields.text(system.get("type")),
        body=fields.text(system.get("body")),
        new_phone=fields.phone(system.get("wa_id")) or fields.phone(system.get("new_wa_id")),
        new_user_id=fields.user_id(system.get("user_id")),
    )
    return InboundContent(type=InboundType.SYSTEM, content=content)


def _read_edit(message: Mapping[str, Any]) -> InboundContent | None:
    """Read a changed message; one level only, an edit inside an edit is unsupported."""
    edit = fields.mapping(message.get("edit"))
    original, inner = fields.text(edit.get("original_message_id")), fields.mapping(edit.get("message"))
    if original is None or inner.get("type") == "edit":
        return None
    changed = read(inner)
    content = {"original_id": original, "type": changed.type.value, "content": changed.content}
    return InboundContent(type=InboundType.EDIT, text=changed.text, content=content)


def _read_revoke(message: Mapping[str, Any]) -> InboundContent | None:
    original = fields.text(fields.mapping(message.get("revoke")).get("original_message_id"))
    if original is None:
        return None
    return InboundContent(type=InboundType.REVOKE, content={"original_id": original})


_MEDIA = (
    InboundType.IMAGE,
    InboundType.VIDEO,
    InboundType.AUDIO,
    InboundType.DOCUMENT,
    InboundType.STICKER,
)

_READERS: Mapping[str, Callable[[Mapping[str, Any]], InboundContent | None]] = MappingProxyType(
    {
        "text": _read_text,
        "button": _read_button,
        "interactive": _read_interactive,
        "location": _read_location,
        "contacts": _read_contacts,
        "reaction": _read_reaction,
        "order": _read_order,
        "system": _read_system,
        "edit": _read_edit,
        "revoke": _read_revoke,
        **{kind.value: _media_reader(kind) for kind in _MEDIA},
    }
)
