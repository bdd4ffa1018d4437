"""Taking deliveries apart: one receipt per part, stable keys, nothing lost, nothing raised."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatboost.messaging.webhooks import clean_json, whatsapp_payload
from chatboost.messaging.webhooks.whatsapp_payload import PayloadError, Receipt, ReceiptKind
from tests.fakes import whatsapp_webhooks as webhooks

NUMBER = "100000000000001"
SENDER = "15550001234"
BSUID = "US.13491208655302741918"
SAMPLES = (
    Path(__file__).resolve().parents[2].parent
    / "shared"
    / "contracts"
    / "whatsapp-cloud"
    / "samples"
    / "webhooks"
)
SAMPLE_FILES = sorted(SAMPLES.rglob("*.json"))


def text(wamid: str = "wamid.A", **changes: Any) -> dict[str, Any]:
    message = webhooks.text_message(sender=SENDER, wamid=wamid, text="Hello", timestamp=1_700_000_000)
    return {**message, **changes}


def without(part: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name not in names}


def status(wamid: str = "wamid.A", word: str = "sent", **changes: Any) -> dict[str, Any]:
    made = webhooks.status(wamid=wamid, word=word, recipient=SENDER, timestamp=1_700_000_001, tracker="t-1")
    return {**made, **changes}


def split(delivery: object) -> list[Receipt]:
    return whatsapp_payload.split(json.dumps(delivery).encode())


def split_parts(**parts: Any) -> list[Receipt]:
    return split(webhooks.delivery(NUMBER, **parts))


def change(field: str, value: object, *, time: int = 1_700_000_000) -> dict[str, Any]:
    entry = {"id": "200", "time": time, "changes": [{"field": field, "value": value}]}
    return {"object": "whatsapp_business_account", "entry": [entry]}


def kinds_and_keys(receipts: list[Receipt]) -> list[tuple[str, str]]:
    return [(receipt.kind.value, receipt.key) for receipt in receipts]


# Parts and keys.


def test_split_makes_one_receipt_per_part() -> None:
    receipts = split_parts(messages=[text("wamid.A"), text("wamid.B")], statuses=[status("wamid.C", "read")])

    assert kinds_and_keys(receipts) == [
        ("message", "m:wamid.A"),
        ("message", "m:wamid.B"),
        ("status", "s:wamid.C:read:1700000001"),
    ]


def test_split_takes_every_entry_and_change() -> None:
    first, second = (webhooks.delivery(NUMBER, messages=[text(f"wamid.{n}")])["entry"][0] for n in "AB")
    both = {**first, "changes": first["changes"] + second["changes"]}
    third = webhooks.delivery("100000000000002", messages=[text("wamid.C")])["entry"][0]

    receipts = split({"object": "whatsapp_business_account", "entry": [both, third]})

    assert [(receipt.phone_number_id, receipt.key) for receipt in receipts] == [
        (NUMBER, "m:wamid.A"),
        (NUMBER, "m:wamid.B"),
        ("100000000000002", "m:wamid.C"),
    ]


def test_split_names_number_account_sender_and_time() -> None:
    (receipt,) = split_parts(messages=[text()])

    assert (receipt.phone_number_id, receipt.account_id) == (NUMBER, webhooks.ACCOUNT_ID)
    assert receipt.sender == f"+{SENDER}"
    assert receipt.occurred_at.timestamp() == 1_700_000_000


def test_split_the_same_body_gives_the_same_receipts() -> None:
    delivery = webhooks.delivery(NUMBER, messages=[text()], statuses=[status()], oddities=[{"a": 1}])

    assert split(delivery) == split(delivery)


def test_split_a_part_that_comes_twice_gives_one_receipt() -> None:
    assert len(split_parts(messages=[text(), text()])) == 1


def test_split_the_same_id_on_two_numbers_gives_two_receipts() -> None:
    entries = [webhooks.delivery(number, messages=[text()])["entry"][0] for number in ("1", "2")]

    assert len(split({"entry": entries})) == 2


@pytest.mark.parametrize("changes", [{"status": "read"}, {"timestamp": "1700000009"}, {"id": "wamid.B"}])
def test_split_statuses_that_differ_have_other_keys(changes: dict) -> None:
    first, second = split_parts(statuses=[status(), status(**changes)])

    assert first.key != second.key


def test_split_two_participants_of_a_group_have_other_keys() -> None:
    parts = [
        status(recipient_type="group", recipient_participant_id=participant)
        for participant in ("15550000001", "15550000002")
    ]

    assert [receipt.sender for receipt in split_parts(statuses=parts)] == ["+15550000001", "+15550000002"]


def test_split_a_status_with_a_very_long_word_has_a_key_that_fits() -> None:
    (receipt,) = split_parts(statuses=[status(word="x" * 5000)])

    assert receipt.kind is ReceiptKind.STATUS
    assert len(receipt.key) <= whatsapp_payload.MAX_KEY


# Senders.


@pytest.mark.parametrize(
    ("message", "contacts", "sender"),
    [
        (text(), [], f"+{SENDER}"),
        (text(**{"from": BSUID}), [], BSUID),
        (text(from_user_id=BSUID), [], BSUID),
        (without(text(from_user_id=BSUID), "from"), [], BSUID),
        (without(text(), "from"), [{"wa_id": SENDER, "user_id": BSUID}], BSUID),
        (without(text(), "from"), [{"wa_id": SENDER}], f"+{SENDER}"),
        (without(text(), "from"), [], None),
        (text(), [{"wa_id": "15559990000"}], f"+{SENDER}"),
        (text(**{"from": 15550001234}), [], f"+{SENDER}"),
        (text(**{"from": {"wa_id": SENDER}}), [], None),
    ],
    ids=[
        "phone",
        "user id in from",
        "phone and user id",
        "user id alone",
        "contact with both",
        "contact with a phone",
        "nobody",
        "contact with another number",
        "phone as a number",
        "from is an object",
    ],
)
def test_split_finds_the_sender(message: dict, contacts: list, sender: str | None) -> None:
    (receipt,) = split_parts(messages=[message], contacts=contacts)

    assert receipt.sender == sender


def test_split_gives_each_message_its_own_contact() -> None:
    contacts = [
        webhooks.contact(sender=sender, name=name) for sender, name in (("15550002", "B"), (SENDER, "A"))
    ]

    receipts = split_parts(
        contacts=contacts, messages=[text("wamid.A"), text("wamid.B", **{"from": "15550002"})]
    )

    assert [receipt.payload["contact"]["profile"]["name"] for receipt in receipts] == ["A", "B"]


def test_split_gives_a_lone_contact_to_nobody_else() -> None:
    contacts = [webhooks.contact(sender="15559990000", name="C")]

    receipts = split_parts(contacts=contacts, messages=[text("wamid.A"), text("wamid.B")])

    assert ["contact" in receipt.payload for receipt in receipts] == [False, False]


# What isn't understood.


@pytest.mark.parametrize(
    "bad",
    [None, 7, "text", [], {}, {"id": ""}, {"id": 7}, {"id": None}, {"type": "text"}, {"id": "x" * 256}],
    ids=repr,
)
def test_split_a_malformed_message_keeps_its_good_neighbours(bad: object) -> None:
    receipts = split_parts(messages=[text("wamid.A"), bad, text("wamid.B")])

    assert [receipt.kind.value for receipt in receipts] == ["message", "other", "message"]


@pytest.mark.parametrize(
    "bad", [None, "sent", {}, {"id": "wamid.A"}, {"id": "wamid.A", "status": 3}], ids=repr
)
def test_split_a_malformed_status_keeps_its_good_neighbours(bad: object) -> None:
    receipts = split_parts(statuses=[bad, status()])

    assert [receipt.kind.value for receipt in receipts] == ["other", "status"]


@pytest.mark.parametrize(
    "bad",
    [
        None,
        "entry",
        {},
        {"changes": None},
        {"changes": {}},
        {"changes": ["x"]},
        {"changes": [{}]},
        {"changes": [{"field": "messages", "value": None}]},
        {"changes": [{"field": "messages", "value": {"messages": [text()]}}]},
        {"changes": [{"field": "messages", "value": {"metadata": {"phone_number_id": "9" * 65}}}]},
    ],
    ids=repr,
)
def test_split_a_malformed_entry_keeps_its_good_neighbours(bad: object) -> None:
    good = webhooks.delivery(NUMBER, messages=[text()])["entry"][0]

    receipts = split({"object": "whatsapp_business_account", "entry": [bad, good]})

    assert [receipt.kind.value for receipt in receipts] == ["other", "message"]


@pytest.mark.parametrize("body", [{}, {"entry": None}, {"entry": "x"}, {"object": "page"}], ids=repr)
def test_split_an_object_without_entries_is_kept_whole(body: dict) -> None:
    (receipt,) = split(body)

    assert (receipt.kind, receipt.payload) == (ReceiptKind.OTHER, {"body": body})


@pytest.mark.parametrize(
    "field", ["message_template_status_update", "user_preferences", "smb_message_echoes"]
)
def test_split_another_field_is_kept_whole(field: str) -> None:
    value = {"event": "APPROVED", "messages": [text()]}

    (receipt,) = split(change(field, value))

    assert (receipt.kind, receipt.account_id) == (ReceiptKind.OTHER, "200")
    assert receipt.payload["change"] == {"field": field, "value": value}


def test_split_the_same_event_at_another_time_is_not_a_copy() -> None:
    value = {"event": "APPROVED", "message_template_id": 1}
    first, second = (split(change("message_template_status_update", value, time=time))[0] for time in (1, 2))

    assert first.key != second.key


def test_split_the_same_event_spelled_in_another_order_is_a_copy() -> None:
    first = split(change("f", {"a": 1, "b": 2}))
    second = split(change("f", {"b": 2, "a": 1}))

    assert first[0].key == second[0].key


def test_split_something_new_beside_messages_is_kept_too() -> None:
    message, other = split_parts(messages=[text()], calls=[{"id": "c"}])

    assert message.kind is ReceiptKind.MESSAGE
    assert other.payload["change"]["value"] == {"calls": [{"id": "c"}]}


@pytest.mark.parametrize("messages", [{}, "x", None], ids=repr)
def test_split_messages_that_are_no_list_are_kept(messages: object) -> None:
    assert [r.kind.value for r in split_parts(messages=messages, statuses=[status()])] == ["status", "other"]


def test_split_errors_alone_are_kept() -> None:
    (receipt,) = split_parts(errors=[{"code": 131000, "title": "Something went wrong"}])

    assert receipt.payload["change"]["value"]["errors"][0]["code"] == 131000


def test_split_errors_beside_one_message_belong_to_it() -> None:
    (receipt,) = split_parts(messages=[text(type="interactive")], errors=[{"code": 131000}])

    assert receipt.payload["errors"] == [{"code": 131000}]


def test_split_errors_beside_several_parts_belong_to_none() -> None:
    receipts = split_parts(statuses=[status("wamid.A"), status("wamid.B")], errors=[{"code": 131000}])

    assert [(r.kind.value, "errors" in r.payload) for r in receipts] == [
        ("status", False),
        ("status", False),
        ("other", False),
    ]


# Bytes.


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        '{"a":1}'.encode("utf-16"),
        b'{"entry":[]} x',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b" " * (whatsapp_payload.MAX_BODY_BYTES + 1),
    ],
    ids=lambda body: repr(body[:12]),
)
def test_split_unreadable_bytes_is_a_payload_error(body: bytes) -> None:
    with pytest.raises(PayloadError):
        whatsapp_payload.split(body)


def test_split_no_entries_gives_nothing() -> None:
    assert split({"object": "whatsapp_business_account", "entry": []}) == []


@pytest.mark.parametrize(
    "hostile",
    [
        '"a\\u0000b"',
        '"\\ud83d"',
        '"\\udc00\\ud800"',
        "NaN",
        "-Infinity",
        "1e999",
        "9" * 5000,
        "[" * 300 + "]" * 300,
        '{"\\u0000": {"\\ud800": 1}}',
    ],
    ids=lambda value: value[:20],
)
def test_split_hostile_values_come_out_storable(hostile: str) -> None:
    body = json.dumps(webhooks.delivery(NUMBER, messages=[text(extra="HERE")])).replace('"HERE"', hostile)

    (receipt,) = whatsapp_payload.split(body.encode())

    assert receipt.key == "m:wamid.A"
    assert_storable(receipt.payload)


def test_split_cuts_off_what_lies_too_deep() -> None:
    deep: object = "bottom"
    for _ in range(clean_json.MAX_DEPTH * 3):
        deep = [deep]

    (receipt,) = split_parts(messages=[text(extra=deep)])

    assert "bottom" not in json.dumps(receipt.payload)
    assert receipt.payload["message"]["text"] == {"body": "Hello"}


def assert_storable(payload: dict[str, Any]) -> None:
    """Fail for whatever PostgreSQL refuses in jsonb or text."""
    written = json.dumps(payload, ensure_ascii=False, allow_nan=False)
    written.encode("utf-8")
    assert "\\u0000" not in written


# The published samples, and what becomes of them under mutation.


@pytest.mark.parametrize("path", SAMPLE_FILES, ids=lambda path: path.stem)
def test_split_published_samples_are_all_readable(path: Path) -> None:
    receipts = whatsapp_payload.split(path.read_bytes())

    assert receipts
    for receipt in receipts:
        read(receipt)


@pytest.mark.parametrize(
    "path",
    [p for p in SAMPLE_FILES if p.stem.startswith(("message", "callback", "system"))],
    ids=lambda p: p.stem,
)
def test_split_published_messages_and_statuses_are_understood(path: Path) -> None:
    assert ReceiptKind.OTHER not in {receipt.kind for receipt in whatsapp_payload.split(path.read_bytes())}


def read(receipt: Receipt) -> object:
    if receipt.kind is ReceiptKind.MESSAGE:
        return whatsapp_payload.parse_message(receipt.payload)
    if receipt.kind is ReceiptKind.STATUS:
        return whatsapp_payload.parse_status(receipt.payload)
    return None


def samples() -> list[bytes]:
    own = [
        webhooks.delivery(NUMBER, messages=[text()], contacts=[webhooks.contact(sender=SENDER, name="A")]),
        webhooks.delivery(NUMBER, statuses=[status(), status(word="failed", errors=[{"code": 131026}])]),
        change("message_template_status_update", {"event": "APPROVED"}),
    ]
    return [json.dumps(one).encode() for one in own] + [path.read_bytes() for path in SAMPLE_FILES]


JUNK: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    10**15,
    "",
    "x",
    "\x00",
    "\ud83d",
    [],
    {},
    [[]],
    {"id": {}},
    "9" * 30,
]


def mutate(value: Any, rng: random.Random) -> Any:
    """Replace, drop, repeat or wrap one thing somewhere inside."""
    if rng.random() < 0.12 or not isinstance(value, dict | list) or not value:
        return rng.choice([*JUNK, [value], {"value": value}])
    if isinstance(value, dict):
        name = rng.choice(list(value))
        if rng.random() < 0.2:
            return without(value, name)
        return {**value, name: mutate(value[name], rng)}
    index = rng.randrange(len(value))
    if rng.random() < 0.2:
        return [*value, value[index]]
    return [*value[:index], mutate(value[index], rng), *value[index + 1 :]]


@settings(max_examples=400, deadline=None)
@given(sample=st.sampled_from(samples()), seed=st.integers(0, 2**32), count=st.integers(1, 5))
def test_split_mutated_deliveries_never_break(sample: bytes, seed: int, count: int) -> None:
    rng = random.Random(seed)
    delivery = json.loads(sample)
    for _ in range(count):
        delivery = mutate(delivery, rng)
    try:
        receipts = whatsapp_payload.split(json.dumps(delivery).encode())
    except PayloadError:
        assert not isinstance(delivery, dict)
        return
    for receipt in receipts:
        assert len(receipt.key) <= whatsapp_payload.MAX_KEY
        assert_storable(receipt.payload)
        read(receipt)


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_split_any_bytes_give_receipts_or_a_payload_error(body: bytes) -> None:
    try:
        whatsapp_payload.split(body)
    except PayloadError:
        return


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
NAMES = [
    *(
        "id",
        "type",
        "text",
        "body",
        "from",
        "timestamp",
        "interactive",
        "button_reply",
        "nfm_reply",
        "location",
    ),
    *(
        "response_json",
        "edit",
        "message",
        "status",
        "errors",
        "pricing",
        "conversation",
        "referral",
        "context",
    ),
]
words = st.sampled_from(NAMES)
wordy = st.recursive(
    st.sampled_from(["text", "edit", "interactive", "nfm_reply", "location", "1700000000", "{", "\x00"])
    | anything,
    lambda inner: st.dictionaries(words, inner, max_size=6),
    max_leaves=12,
)


@settings(max_examples=120, deadline=None)
@given(payload=st.dictionaries(st.sampled_from(["message", "status", "contact", "errors"]), wordy))
def test_parse_any_payload_is_read_or_a_payload_error(payload: dict[str, Any]) -> None:
    for parse in (whatsapp_payload.parse_message, whatsapp_payload.parse_status):
        try:
            parse(payload)
        except PayloadError:
            continue
