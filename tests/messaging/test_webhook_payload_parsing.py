"""Reading one message or status: our words, and values that can be trusted."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chatboost.messaging.webhooks import whatsapp_payload
from chatboost.messaging.webhooks.whatsapp_content import InboundType, VendorError
from chatboost.messaging.webhooks.whatsapp_payload import (
    DeliveryWord,
    InboundMessage,
    PayloadError,
    StatusUpdate,
)

AT = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def message(contact: dict[str, Any] | None = None, **fields: Any) -> InboundMessage:
    given = {"id": "wamid.A", "from": "15550001234", "timestamp": "1700000000", **fields}
    return whatsapp_payload.parse_message({"message": given, "contact": contact or {}})


def status(**fields: Any) -> StatusUpdate:
    given = {"id": "wamid.A", "status": "sent", "timestamp": "1700000000", "recipient_id": "15550001234"}
    return whatsapp_payload.parse_status({"status": {**given, **fields}})


def interactive(**reply: Any) -> dict[str, Any]:
    (kind,) = reply
    return {"type": "interactive", "interactive": {"type": kind, **reply}}


def media(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, kind: {"id": "77", "mime_type": "x/y", **fields}}


# Messages.


def test_parse_message_text() -> None:
    parsed = message({"profile": {"name": "Sheena"}, "user_id": "US.1"}, type="text", text={"body": "Hi"})

    assert parsed == InboundMessage(
        external_id="wamid.A",
        from_phone="+15550001234",
        from_user_id="US.1",
        profile_name="Sheena",
        sent_at=AT,
        type=InboundType.TEXT,
        text="Hi",
        reply_id=None,
        reply_title=None,
        content={},
        context_id=None,
        referral=None,
        group_id=None,
    )


@pytest.mark.parametrize(
    ("fields", "kind", "reply_id", "title"),
    [
        (interactive(button_reply={"id": "yes", "title": "Yes"}), InboundType.BUTTON_REPLY, "yes", "Yes"),
        (interactive(list_reply={"id": "row", "title": "Row"}), InboundType.LIST_REPLY, "row", "Row"),
        ({"type": "button", "button": {"payload": "p", "text": "T"}}, InboundType.BUTTON_REPLY, "p", "T"),
        ({"type": "button", "button": {"text": "T"}}, InboundType.BUTTON_REPLY, "T", "T"),
    ],
    ids=["button", "list row", "template button", "template button without payload"],
)
def test_parse_message_reply(fields: dict, kind: InboundType, reply_id: str, title: str) -> None:
    parsed = message(**fields)

    assert (parsed.type, parsed.reply_id, parsed.reply_title, parsed.text) == (kind, reply_id, title, title)


@pytest.mark.parametrize("kind", ["image", "video", "document"])
def test_parse_message_media_with_a_caption(kind: str) -> None:
    parsed = message(**media(kind, caption="Look"))

    assert (parsed.type.value, parsed.text, parsed.content["media_id"]) == (kind, "Look", "77")


@pytest.mark.parametrize(
    ("fields", "flag"),
    [(media("audio", voice=True), "is_voice"), (media("sticker", animated=True), "is_animated")],
    ids=["voice", "animated"],
)
def test_parse_message_media_flags(fields: dict, flag: str) -> None:
    assert message(**fields).content[flag] is True


@pytest.mark.parametrize("zero", [0, 0.0, "0.0"])
def test_parse_message_location_at_zero(zero: object) -> None:
    parsed = message(type="location", location={"latitude": zero, "longitude": zero})

    assert (parsed.type, parsed.content) == (InboundType.LOCATION, {"latitude": 0.0, "longitude": 0.0})


def test_parse_message_order_with_quantities_as_text() -> None:
    items = [{"product_retailer_id": "p", "quantity": "2", "item_price": 29.9, "currency": "USD"}]
    parsed = message(type="order", order={"catalog_id": 5, "product_items": items})

    assert parsed.content == {
        "catalog_id": "5",
        "items": [{"product_retailer_id": "p", "quantity": 2, "item_price": "29.9", "currency": "USD"}],
    }


@pytest.mark.parametrize(
    ("reaction", "emoji"),
    [({"emoji": "👍"}, "👍"), ({"emoji": ""}, None), ({}, None)],
    ids=["given", "taken back, empty", "taken back, absent"],
)
def test_parse_message_reaction(reaction: dict, emoji: str | None) -> None:
    parsed = message(type="reaction", reaction={"message_id": "wamid.B", **reaction})

    assert (parsed.type, parsed.content["emoji"], parsed.context_id) == (
        InboundType.REACTION,
        emoji,
        "wamid.B",
    )


@pytest.mark.parametrize(
    ("response_json", "expected"),
    [
        ('{"rating": "4"}', {"response": {"rating": "4"}}),
        ("{broken", {"response_json": "{broken"}),
        ("[1]", {"response_json": "[1]"}),
    ],
    ids=["object", "broken", "list"],
)
def test_parse_message_flow_reply(response_json: str, expected: dict) -> None:
    parsed = message(**interactive(nfm_reply={"response_json": response_json, "body": "Sent"}))

    assert (parsed.type, parsed.text, parsed.content) == (InboundType.FLOW_REPLY, "Sent", expected)


def test_parse_message_system_names_the_new_number_and_has_no_text() -> None:
    system = {"type": "user_changed_number", "body": "changed", "wa_id": "15550009999"}
    parsed = message(type="system", system=system)

    assert (parsed.type, parsed.text, parsed.content["new_phone"]) == (
        InboundType.SYSTEM,
        None,
        "+15550009999",
    )


def test_parse_message_edit_reads_the_new_text() -> None:
    edit = {"original_message_id": "wamid.O", "message": {"type": "text", "text": {"body": "Better"}}}
    parsed = message(type="edit", edit=edit)

    assert (parsed.type, parsed.text, parsed.content["original_id"]) == (
        InboundType.EDIT,
        "Better",
        "wamid.O",
    )


def test_parse_message_revoke_names_the_original() -> None:
    parsed = message(type="revoke", revoke={"original_message_id": "wamid.O"})

    assert (parsed.type, parsed.content) == (InboundType.REVOKE, {"original_id": "wamid.O"})


def test_parse_message_contacts_keeps_the_cards() -> None:
    cards = [{"name": {"formatted_name": "Lucía"}}]

    assert message(type="contacts", contacts=cards).content == {"contacts": cards}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"type": None},
        {"type": "hologram"},
        {"type": "text"},
        {"type": "text", "text": "Hi"},
        {"type": "text", "text": {"body": 7}},
        {"type": "text", "text": {"body": "\x00"}},
        {"type": "interactive"},
        interactive(button_reply="yes"),
        interactive(new_reply={"id": "a"}),
        {"type": "image", "image": {}},
        {"type": "location", "location": {"latitude": 91, "longitude": 0}},
        {"type": "location", "location": {"latitude": "nan", "longitude": 0}},
        {"type": "location", "location": {"latitude": True, "longitude": 0}},
        {"type": "contacts", "contacts": ["x"]},
        {"type": "order", "order": {"product_items": "x"}},
        {"type": "edit", "edit": {"original_message_id": "o", "message": {"type": "edit"}}},
    ],
    ids=repr,
)
def test_parse_message_without_usable_content_is_unsupported(fields: dict) -> None:
    parsed = message(**fields)

    assert (parsed.type, parsed.text) == (InboundType.UNSUPPORTED, None)


def test_parse_message_errors_come_from_inside_and_beside() -> None:
    inside = {"code": 131051, "title": "Unknown type", "error_data": {"details": "Not supported."}}
    beside = {"code": "131000", "message": "Something went wrong"}
    payload = {"message": {"id": "wamid.A", "errors": [inside, "x"]}, "errors": [beside]}

    assert whatsapp_payload.parse_message(payload).errors == (
        VendorError(code=131051, title="Unknown type", details="Not supported."),
        VendorError(code=131000, title="Something went wrong", details=""),
    )


def test_parse_message_keeps_context_referral_and_group() -> None:
    referral = {"source_type": "ad", "ctwa_clid": "c"}
    parsed = message(
        type="text",
        text={"body": "Hi"},
        context={"id": "wamid.C", "forwarded": True, "referred_product": {"catalog_id": "1"}},
        referral=referral,
        group_id="g",
    )

    assert (parsed.context_id, parsed.referral, parsed.group_id) == ("wamid.C", referral, "g")
    assert parsed.content == {"is_forwarded": True, "referred_product": {"catalog_id": "1"}}


@pytest.mark.parametrize(
    ("timestamp", "at"),
    [
        ("1700000000", AT),
        (1700000000, AT),
        ("1700000000000", AT),
        (1700000000000000, AT),
        ("0", None),
        ("-5", None),
        ("soon", None),
        ("١٧", None),
        ("9" * 17, None),
        (None, None),
        (True, None),
        ([1700000000], None),
    ],
)
def test_parse_message_reads_the_time(timestamp: object, at: datetime | None) -> None:
    assert message(timestamp=timestamp).sent_at == at


def test_parse_message_strips_what_no_database_takes() -> None:
    parsed = message(type="text", text={"body": "a\x00b\ud83d"})

    assert parsed.text == "ab\ufffd"


def test_parse_message_shortens_an_endless_name() -> None:
    assert len(message({"profile": {"name": "n" * 5000}}).profile_name or "") == whatsapp_payload.MAX_NAME


@pytest.mark.parametrize(
    "payload", [{}, {"message": None}, {"message": {}}, {"message": {"id": 5}}], ids=repr
)
def test_parse_message_without_an_id_is_a_payload_error(payload: dict) -> None:
    with pytest.raises(PayloadError):
        whatsapp_payload.parse_message(payload)


# Statuses.


@pytest.mark.parametrize("word", [word for word in DeliveryWord if word is not DeliveryWord.OTHER])
def test_parse_status_known_words(word: DeliveryWord) -> None:
    assert status(status=word.value).status is word


def test_parse_status_an_unlisted_word_is_other_and_kept() -> None:
    parsed = status(status="teleported")

    assert (parsed.status, parsed.vendor_status) == (DeliveryWord.OTHER, "teleported")


def test_parse_status_carries_our_tracker_and_the_recipient() -> None:
    parsed = status(biz_opaque_callback_data="t-1")

    assert (parsed.external_id, parsed.tracker, parsed.recipient) == ("wamid.A", "t-1", "+15550001234")
    assert parsed.occurred_at == AT


@pytest.mark.parametrize(
    ("fields", "recipient"),
    [
        ({"recipient_id": "US.1"}, "US.1"),
        ({"recipient_user_id": "US.2"}, "US.2"),
        ({"recipient_id": None}, None),
        ({"recipient_id": "<odd>"}, None),
        ({"recipient_id": "g", "recipient_type": "group", "recipient_participant_user_id": "US.3"}, "US.3"),
    ],
    ids=repr,
)
def test_parse_status_names_the_recipient(fields: dict, recipient: str | None) -> None:
    assert status(**fields).recipient == recipient


def test_parse_status_failed_tells_why() -> None:
    error = {
        "code": 131047,
        "title": "Re-engagement message",
        "error_data": {"details": "More than 24 hours"},
    }

    assert status(status="failed", errors=[error]).errors == (
        VendorError(code=131047, title="Re-engagement message", details="More than 24 hours"),
    )


@pytest.mark.parametrize("expiration", ["1700000000", 1700000000])
def test_parse_status_reads_conversation_and_pricing(expiration: object) -> None:
    parsed = status(
        conversation={"id": "c", "origin": {"type": "service"}, "expiration_timestamp": expiration},
        pricing={"billable": False, "pricing_model": "PMP", "category": "service"},
    )

    assert parsed.conversation == {"id": "c", "origin": "service", "expires_at": AT.isoformat()}
    assert parsed.pricing == {"is_billable": False, "model": "PMP", "category": "service"}


def test_parse_status_without_conversation_and_pricing_has_none() -> None:
    assert (status().conversation, status().pricing) == (None, None)


@pytest.mark.parametrize(
    "payload", [{}, {"status": {"id": "wamid.A"}}, {"status": {"status": "sent"}}], ids=repr
)
def test_parse_status_without_id_or_word_is_a_payload_error(payload: dict) -> None:
    with pytest.raises(PayloadError):
        whatsapp_payload.parse_status(payload)
