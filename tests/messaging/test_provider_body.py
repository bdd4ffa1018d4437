"""The request body: shape, and nothing that the vendor's own rules refuse."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatboost.messaging.providers import whatsapp_body
from tests.fakes import graph_validation
from tests.messaging.provider_messages import BAD, GOOD, buttons, choices, outbound


@pytest.mark.parametrize("changes", GOOD.values(), ids=GOOD)
def test_build_a_good_message_passes_the_published_schema(changes: dict) -> None:
    graph_validation.check(whatsapp_body.build(outbound(**changes)))


@pytest.mark.parametrize("changes", BAD.values(), ids=BAD)
def test_build_a_bad_message_is_refused(changes: dict) -> None:
    with pytest.raises(whatsapp_body.InvalidMessage):
        whatsapp_body.build(outbound(**changes))


def test_build_text_carries_tracker_recipient_and_context() -> None:
    message = outbound(tracker="t-1", reply_to="wamid.A", content={"text": "Hi", "preview_url": False})

    assert whatsapp_body.build(message) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "+15550001234",
        "type": "text",
        "text": {"body": "Hi", "preview_url": False},
        "biz_opaque_callback_data": "t-1",
        "context": {"message_id": "wamid.A"},
    }


def test_build_for_a_user_id_uses_recipient() -> None:
    body = whatsapp_body.build(outbound(to_phone=None, to_user_id="US.1"))

    assert (body.get("to"), body.get("recipient")) == (None, "US.1")


def test_build_with_both_addresses_prefers_the_phone() -> None:
    body = whatsapp_body.build(outbound(to_user_id="US.1"))

    assert (body.get("to"), body.get("recipient")) == ("+15550001234", None)


def test_build_buttons_nests_replies() -> None:
    body = whatsapp_body.build(outbound(type="interactive", content=buttons("Yes", header="H", footer="F")))

    assert body["interactive"] == {
        "type": "button",
        "header": {"type": "text", "text": "H"},
        "body": {"text": "Choose one"},
        "footer": {"text": "F"},
        "action": {"buttons": [{"type": "reply", "reply": {"id": "button-0", "title": "Yes"}}]},
    }


def test_build_list_keeps_sections_and_rows() -> None:
    body = whatsapp_body.build(outbound(type="interactive", content=choices(1)))

    assert body["interactive"]["action"] == {
        "button": "Show",
        "sections": [{"title": "Section 0", "rows": [{"id": "row-0-0", "title": "Row 0"}]}],
    }


@pytest.mark.parametrize(("text", "sent"), [("a\x00b", "ab"), ("cut \ud83d", "cut \ufffd")])
def test_build_drops_what_json_cannot_carry(text: str, sent: str) -> None:
    assert whatsapp_body.build(outbound(content={"text": text}))["text"]["body"] == sent


short = st.text(max_size=30)
choice = st.dictionaries(st.sampled_from(["id", "title", "description"]), short, min_size=2)
interactive = st.fixed_dictionaries(
    {"body": short},
    optional={
        "header": short,
        "footer": short,
        "button": short,
        "buttons": st.lists(choice, max_size=4),
        "sections": st.lists(
            st.fixed_dictionaries({"rows": st.lists(choice, max_size=6)}, optional={"title": short}),
            max_size=3,
        ),
    },
)
anything = st.recursive(st.none() | st.booleans() | st.integers() | short, st.lists, max_leaves=5)
contents = (
    interactive
    | st.fixed_dictionaries({"text": st.text()})
    | st.dictionaries(
        st.sampled_from(["text", "body", "buttons", "sections", "button", "preview_url"]), anything
    )
    | anything
)


@settings(max_examples=150, deadline=None)
@given(type=st.sampled_from(["text", "interactive"]), content=contents)
def test_build_anything_is_refused_or_passes_the_vendor(type: str, content: object) -> None:
    try:
        body = whatsapp_body.build(outbound(type=type, content=content))
    except whatsapp_body.InvalidMessage:
        return
    graph_validation.check(json.loads(json.dumps(body)))
