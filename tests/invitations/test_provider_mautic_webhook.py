"""Mautic's webhooks: signatures, and who they are about."""

import json

import pytest

from invitations.providers import base
from invitations.providers import mautic_webhook as webhook
from tests.fakes import mautic
from tests.invitations.mautics import SAMPLES

SECRET = "a-fictitious-secret"
BODY = b'{"mautic.form_on_submit": []}'


def test_signature_of_the_raw_body_is_taken() -> None:
    assert webhook.is_signed(BODY, mautic.signature(BODY, SECRET), SECRET)


@pytest.mark.parametrize(
    ("body", "signature", "secret"),
    [
        (BODY, mautic.signature(BODY, SECRET), ""),
        (BODY, mautic.signature(BODY, ""), ""),
        (BODY, mautic.signature(BODY, SECRET), "another"),
        (BODY + b" ", mautic.signature(BODY, SECRET), SECRET),
        (BODY, "", SECRET),
        (BODY, "=", SECRET),
        (BODY, "é", SECRET),
        (BODY, mautic.signature(BODY, SECRET)[:-4], SECRET),
        (BODY, mautic.signature(BODY, SECRET).rstrip("="), SECRET),
        (BODY, "sha256=" + mautic.signature(BODY, SECRET), SECRET),
        (b"", mautic.signature(BODY, SECRET), SECRET),
    ],
)
def test_anything_else_is_not_signed(body: bytes, signature: str, secret: str) -> None:
    assert not webhook.is_signed(body, signature, secret)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="needs the contract beside the checkout")
def test_contact_event_of_the_documentation_is_read() -> None:
    told = json.loads((SAMPLES / "webhook_contact_new.json").read_text(encoding="utf-8"))["body"]
    (happened,) = webhook.read(json.dumps(told).encode())

    assert happened.form_id == ""
    assert happened.person.external_id == "1"
    assert happened.person.values["email"] == "contact@example.com"


def test_several_submissions_in_one_call_are_read_in_order() -> None:
    with mautic.MauticFake() as fake:
        ids = fake.people(2)
        numbers = [fake.rows.submit(3, pk, {"size": "XL"}) for pk in ids]
        numbers.append(fake.rows.submit(3, None, {"size": "S"}))
        found = webhook.read(mautic.webhook(fake.rows, numbers))

    assert [(each.form_id, each.person.external_id) for each in found] == [("3", "1"), ("3", "2")]
    assert found[0].person.values["size"] == "XL"
    assert found[0].person.values["firstname"] == "Guest 1"


def test_events_of_two_kinds_in_one_call_are_read() -> None:
    contact = {"id": "9", "fields": {"core": {"email": {"value": "nine@people.example"}}}}
    flat = {"id": 8, "email": "eight@people.example"}
    body = {
        "mautic.lead_post_save_update": [{"contact": contact, "timestamp": "2026-11-29"}, {"lead": flat}],
        "mautic.form_on_submit": {"submission": {"lead": contact, "results": {"form_id": "5", "email": ""}}},
        "timestamp": "2026-11-29T12:00:00+00:00",
    }
    found = webhook.read(json.dumps(body).encode())

    assert [(each.form_id, each.person.external_id) for each in found] == [("", "9"), ("", "8"), ("5", "9")]
    assert found[2].person.values["email"] == "nine@people.example"


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"contact": None},
        {"contact": []},
        {"contact": {"id": 0}},
        {"contact": {"id": "x"}},
        {"submission": {}},
        {"submission": {"lead": [], "results": []}},
        {"submission": {"lead": {"id": {}}, "form": "x"}},
        {"email": {}, "timestamp": 7},
        [],
        None,
        "text",
    ],
)
def test_events_without_a_contact_are_left_out(payload: object) -> None:
    body = {"mautic.lead_channel_subscription_changed": [payload], "mautic.form_on_submit": [payload]}

    assert webhook.read(json.dumps(body).encode()) == []


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000, b'{"a":[' + b"{}," * 300_000 + b"{}]}"]
)
def test_body_that_can_not_be_read_is_a_bad_response(body: bytes) -> None:
    with pytest.raises(base.BadResponse):
        webhook.read(body)


def test_too_many_events_are_a_bad_response() -> None:
    body = json.dumps({"mautic.form_on_submit": [{}] * (webhook.MAX_EVENTS + 1)}).encode()
    with pytest.raises(base.BadResponse):
        webhook.read(body)
