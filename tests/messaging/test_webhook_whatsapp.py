"""WhatsApp's door: nothing unsigned is read, nothing foreign is kept, an answer of 200 is honest."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from chatboost.core.models import WorkItem
from chatboost.messaging.models import Channel, ChannelKind, ReceiptKind, WebhookReceipt
from teams.models import Organization
from tests import factories
from tests.fakes import whatsapp_webhooks as bodies
from tests.messaging.forgeries import FORGERIES, SECRET, VERIFY_TOKEN
from tests.messaging.pipeline import NOW, stamp, status, text

pytestmark = pytest.mark.django_db

DOOR = "/whatsapp/webhook"
# One for all: each client builds the middleware anew.
VENDOR = Client()


@pytest.fixture(autouse=True)
def _installation(settings: Settings) -> None:
    settings.WHATSAPP_APP_SECRET = [SECRET]
    settings.WHATSAPP_WEBHOOK_VERIFY_TOKEN = VERIFY_TOKEN


@pytest.fixture
def channel(organization: Organization) -> Channel:
    return factories.channel(factories.bot(organization))


@pytest.fixture
def foreign(other_organization: Organization) -> Channel:
    """A channel of another organization with secrets of its own."""
    return factories.channel(
        factories.bot(other_organization), app_secret="foreign-secret", verify_token="foreign-token"
    )


def post(raw: bytes, signature: str | None, *, door: str = DOOR, client: Client = VENDOR) -> HttpResponse:
    headers = {"X-Hub-Signature-256": signature} if signature is not None else {}
    return client.post(door, data=raw, content_type="application/json", headers=headers)


def post_signed(raw: bytes, *, secret: str = SECRET, door: str = DOOR) -> HttpResponse:
    return post(raw, bodies.sign(raw, secret), door=door)


def body_of(channel: Channel, words: str = "Hello 👋 çedilla", **fields: Any) -> bytes:
    return bodies.encode(bodies.delivery(channel.external_id, messages=[text(words, id="wamid.A", **fields)]))


def door_of(channel: Channel) -> str:
    return f"{DOOR}/{channel.uuid}"


def stored() -> tuple[int, int]:
    return WebhookReceipt.objects.count(), WorkItem.objects.count()


# Deliveries


@pytest.mark.parametrize("door", ["/whatsapp/webhook", "/whatsapp/webhook/"])
def test_post_signed_is_stored_before_it_is_answered(channel: Channel, door: str) -> None:
    answer = post_signed(body_of(channel), door=door)

    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "parts": 1, "new": 1})
    receipt = WebhookReceipt.objects.get()
    assert (receipt.channel, receipt.organization, receipt.key) == (
        channel,
        channel.organization,
        "m:wamid.A",
    )


def test_post_needs_no_csrf_token(channel: Channel) -> None:
    raw = body_of(channel)

    answer = post(raw, bodies.sign(raw, SECRET), client=Client(enforce_csrf_checks=True))

    assert answer.status_code == 200


def test_post_signed_with_an_older_secret_passes_while_it_is_listed(
    channel: Channel, settings: Settings
) -> None:
    settings.WHATSAPP_APP_SECRET = ["new-secret", SECRET]

    assert post_signed(body_of(channel)).status_code == 200


def test_post_three_times_is_one_receipt(channel: Channel) -> None:
    answers = [post_signed(body_of(channel)).json()["new"] for _ in range(3)]

    assert answers == [1, 0, 0]
    assert stored() == (1, 1)


def test_post_takes_a_delivery_apart(channel: Channel) -> None:
    raw = bodies.encode(
        bodies.delivery(
            channel.external_id,
            messages=[text(id="wamid.1"), text(id="wamid.2")],
            statuses=[status("wamid.3", "sent"), status("wamid.3", "read")],
        )
    )

    assert post_signed(raw).json() == {"status": "ok", "parts": 4, "new": 4}
    assert WebhookReceipt.objects.filter(kind=ReceiptKind.STATUS).count() == 2


def test_post_about_an_unknown_number_is_fine_and_leaves_no_row(channel: Channel) -> None:
    channel.external_id = "999000999000999"

    answer = post_signed(body_of(channel))

    assert (answer.status_code, answer.json()["parts"], stored()) == (200, 0, (0, 0))


def test_post_of_a_kind_nobody_knows_is_kept(channel: Channel) -> None:
    delivery = bodies.delivery(channel.external_id)
    delivery["entry"][0]["changes"][0]["field"] = "phone_number_quality_update"

    answer = post_signed(bodies.encode(delivery))

    assert (answer.status_code, answer.json()["new"]) == (200, 1)
    assert WebhookReceipt.objects.get().kind == ReceiptKind.OTHER


def test_post_about_the_simulator_finds_no_channel(organization: Organization) -> None:
    simulator = factories.channel(
        factories.bot(organization), kind=ChannelKind.SIMULATOR, external_id="simulator-1"
    )

    assert post_signed(body_of(simulator)).json()["parts"] == 0
    assert post_signed(body_of(simulator), door=door_of(simulator)).status_code == 404


def test_post_larger_than_other_bodies_may_be_is_taken(channel: Channel) -> None:
    raw = body_of(channel, "x" * 2_000_000)

    assert len(raw) > django_settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    assert post_signed(raw).status_code == 200


@pytest.mark.parametrize("is_signed", [True, False])
def test_post_larger_than_any_delivery_is_refused(channel: Channel, is_signed: bool) -> None:
    raw = body_of(channel, "x" * django_settings.WEBHOOK_MAX_BYTES)

    answer = post(raw, bodies.sign(raw, SECRET) if is_signed else None)

    assert (answer.status_code, answer.json()["code"], stored()) == (413, "body_too_large", (0, 0))


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"null", b"[]", b'"text"', b"7", b"\xff\xfe", b'{"entry": [}', b"[" * 100_000, b"{}x"]
)
def test_post_signed_but_no_json_object_is_refused(raw: bytes) -> None:
    answer = post_signed(raw)

    assert (answer.status_code, answer.json()["code"], stored()) == (400, "malformed_body", (0, 0))


@pytest.mark.parametrize("method", ["put", "patch", "delete", "head", "options"])
def test_other_methods_are_not_allowed(method: str) -> None:
    assert getattr(VENDOR, method)(DOOR).status_code == 405


@contextmanager
def database_away() -> Iterator[None]:
    def refuse(*arguments: Any) -> Any:
        raise OperationalError("unable to open database file")

    with connection.execute_wrapper(refuse):
        yield


def test_post_while_the_database_is_away_is_to_come_again(channel: Channel) -> None:
    raw = body_of(channel)
    with database_away():
        answer = post(raw, bodies.sign(raw, SECRET), client=Client(raise_request_exception=False))

    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert int(answer["Retry-After"]) > 0
    assert post_signed(raw).json()["new"] == 1


# Forgeries


@pytest.mark.parametrize("name", FORGERIES)
def test_post_with_a_forged_signature_is_refused_and_leaves_no_row(channel: Channel, name: str) -> None:
    raw = body_of(channel)
    forged, header = FORGERIES[name](raw, bodies.sign(raw, SECRET).removeprefix("sha256="))

    answer = post(forged, header)

    assert (answer.status_code, answer.json()["code"], stored()) == (401, "invalid_signature", (0, 0))


def test_forgeries_are_not_copies_of_the_true_request(channel: Channel) -> None:
    raw = body_of(channel)
    true = (raw, bodies.sign(raw, SECRET))
    forged = [make(raw, true[1].removeprefix("sha256=")) for make in FORGERIES.values()]

    assert true not in forged
    assert len(set(forged)) == len(FORGERIES) >= 60


@pytest.mark.parametrize("secrets", [[], [""], ["", ""]])
def test_post_without_a_configured_secret_is_refused_whatever_it_says(
    channel: Channel, settings: Settings, secrets: list[str]
) -> None:
    settings.WHATSAPP_APP_SECRET = secrets
    raw = body_of(channel)

    assert [post(raw, bodies.sign(raw, secret)).status_code for secret in ("", SECRET)] == [401, 401]


def test_refusal_tells_neither_the_signature_nor_the_body(
    channel: Channel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    raw = body_of(channel, "very private words")

    answer = post(raw, "sha256=" + "0" * 64)

    told = answer.content.decode() + caplog.text
    assert bodies.sign(raw, SECRET).removeprefix("sha256=") not in told
    assert "very private words" not in told
    assert answer["Content-Type"] == "application/problem+json"


# A channel's own door

INSTALLATION = "the installation"
SECRETS = {"first": "first-secret", "second": "second-secret", "third": SECRET}
DOORS = ["first", "second", "third", INSTALLATION]


@pytest.fixture
def channels(organization: Organization, other_organization: Organization) -> dict[str, Channel]:
    """Two channels with secrets of their own, in two organizations, and one that has none."""
    bot, other_bot = factories.bot(organization), factories.bot(other_organization)
    return {
        "first": factories.channel(bot, app_secret=SECRETS["first"]),
        "second": factories.channel(other_bot, app_secret=SECRETS["second"]),
        "third": factories.channel(bot),
    }


@pytest.mark.parametrize("about", ["first", "second", "third"])
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("signed_by", ["first", "second", "third"])
def test_post_is_kept_only_where_secret_door_and_number_agree(
    channels: dict[str, Channel], signed_by: str, door: str, about: str
) -> None:
    path = DOOR if door == INSTALLATION else door_of(channels[door])
    is_signed = SECRETS[signed_by] == SECRETS.get(door, SECRET)

    answer = post_signed(body_of(channels[about]), secret=SECRETS[signed_by], door=path)

    assert answer.status_code == (200 if is_signed else 401)
    kept = [receipt.channel for receipt in WebhookReceipt.objects.all()]
    assert kept == ([channels[about]] if is_signed and door in (about, INSTALLATION) else [])


def test_post_about_two_tenants_at_one_door_keeps_only_its_own(channels: dict[str, Channel]) -> None:
    mine, theirs = channels["first"], channels["second"]
    delivery = bodies.delivery(mine.external_id, messages=[text(id="wamid.1")])
    delivery["entry"] += bodies.delivery(theirs.external_id, messages=[text(id="wamid.2")])["entry"]

    answer = post_signed(bodies.encode(delivery), secret=SECRETS["first"], door=door_of(mine))

    assert answer.json() == {"status": "ok", "parts": 1, "new": 1}
    assert WebhookReceipt.objects.get().channel == mine


def test_post_about_two_tenants_at_the_installations_door_reaches_both(
    channels: dict[str, Channel],
) -> None:
    delivery = bodies.delivery(channels["second"].external_id, messages=[text(id="wamid.1")])
    delivery["entry"] += bodies.delivery(channels["third"].external_id, messages=[text(id="wamid.1")])[
        "entry"
    ]

    assert post_signed(bodies.encode(delivery)).json()["new"] == 2
    assert {receipt.organization_id for receipt in WebhookReceipt.objects.all()} == {
        channels["second"].organization_id,
        channels["third"].organization_id,
    }


@pytest.mark.parametrize("suffix", ["", "/"])
def test_post_at_a_channels_own_door_is_kept(channels: dict[str, Channel], suffix: str) -> None:
    mine = channels["first"]

    answer = post_signed(body_of(mine), secret=SECRETS["first"], door=door_of(mine) + suffix)

    assert answer.json()["new"] == 1


def test_post_at_a_door_that_does_not_exist_is_not_found(channel: Channel) -> None:
    answer = post_signed(body_of(channel), door=f"{DOOR}/{uuid4()}")

    assert (answer.status_code, answer.json()["code"], stored()) == (404, "not_found", (0, 0))


# Meta's verification


def verify(door: str = DOOR, **asked: str) -> HttpResponse:
    given = {"mode": "subscribe", "verify_token": VERIFY_TOKEN, "challenge": "1158201444"} | asked
    return VENDOR.get(door, {f"hub.{name}": value for name, value in given.items()})


@pytest.mark.parametrize("door", [DOOR, DOOR + "/"])
def test_get_with_the_token_returns_the_challenge_as_plain_text(door: str) -> None:
    answer = verify(door)

    assert (answer.status_code, answer.content) == (200, b"1158201444")
    assert answer["Content-Type"] == "text/plain; charset=utf-8"


def test_get_with_a_script_as_challenge_is_no_page() -> None:
    script = "<script>alert(1)</script>"

    answer = verify(challenge=script)

    assert answer.content.decode() == script
    assert answer["Content-Type"].startswith("text/plain")
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "asked",
    [
        {"verify_token": "wrong"},
        {"verify_token": ""},
        {"verify_token": VERIFY_TOKEN + " "},
        {"verify_token": VERIFY_TOKEN.upper()},
        {"verify_token": "žluťoučký"},
        {"mode": "unsubscribe"},
        {"mode": ""},
    ],
)
def test_get_with_anything_else_is_refused_without_the_challenge(asked: dict[str, str]) -> None:
    answer = verify(**asked)

    assert (answer.status_code, answer.json()["code"]) == (403, "invalid_verify_token")
    assert b"1158201444" not in answer.content


def test_get_without_parameters_is_refused() -> None:
    assert VENDOR.get(DOOR).status_code == 403


def test_get_without_a_configured_token_is_refused_even_when_empty(settings: Settings) -> None:
    settings.WHATSAPP_WEBHOOK_VERIFY_TOKEN = ""

    assert verify(verify_token="").status_code == 403


@pytest.mark.parametrize(("token", "code"), [("foreign-token", 200), (VERIFY_TOKEN, 403)])
def test_get_at_a_channels_door_asks_for_its_own_token(foreign: Channel, token: str, code: int) -> None:
    assert verify(door_of(foreign), verify_token=token).status_code == code


def test_get_at_the_installations_door_knows_no_channels_token(foreign: Channel) -> None:
    assert verify(verify_token="foreign-token").status_code == 403


def test_get_at_a_door_without_a_token_of_its_own_takes_the_installations(channel: Channel) -> None:
    assert verify(door_of(channel)).status_code == 200


def test_get_at_a_door_that_does_not_exist_is_not_found() -> None:
    assert verify(f"{DOOR}/{uuid4()}").status_code == 404


def test_received_at_is_ours_and_the_vendors_time_is_kept(channel: Channel) -> None:
    post_signed(body_of(channel))

    receipt = WebhookReceipt.objects.get()
    assert receipt.payload["message"]["timestamp"] == str(stamp(NOW))
    assert receipt.received_at > NOW
