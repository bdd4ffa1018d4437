"""Mautic's webhook: signed, read, and done once."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from chatboost.core.models import WorkItem
from invitations.choices import BatchState, Origin
from invitations.models import Invitation, InvitationBatch, InvitationSource
from invitations.services import batches, completion, people
from teams.models import Organization
from tests.invitations import made, running

SECRET = "hook-secret"

pytestmark = pytest.mark.django_db


@pytest.fixture
def source(organization: Organization) -> InvitationSource:
    return made.source(organization, kind="mautic", webhook_secret=SECRET, base_url="https://crm.example.com")


Send = Callable[..., Any]


@pytest.fixture
def send() -> Send:
    def deliver(source: InvitationSource, body: Any, *, secret: str = SECRET, **headers: str) -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        signature = base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest()).decode()
        headers.setdefault("HTTP_WEBHOOK_SIGNATURE", signature)
        return Client().post(
            f"/invitations/mautic-webhook/{source.uuid}", raw, content_type="application/json", **headers
        )

    return deliver


def contact(number: int, **values: str) -> dict[str, Any]:
    own = {"firstname": "Ada", "lastname": f"No {number}", "email": f"ada{number}@example.com", **values}
    cells = {alias: {"value": value} for alias, value in own.items()}
    return {"id": number, "points": 0, "fields": {"core": cells}}


def new(*numbers: int, **values: str) -> dict[str, Any]:
    return {"mautic.lead_post_save_new": [{"contact": contact(number, **values)} for number in numbers]}


def submitted(form: int, number: int) -> dict[str, Any]:
    submission = {"form": {"id": form}, "lead": contact(number), "results": {"email": "ada@example.com"}}
    return {"mautic.form_on_submit": [{"submission": submission}]}


def test_new_contact_delivered_three_times_is_invited_once(source: InvitationSource, send: Send) -> None:
    answers = [send(source, new(7)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [answer.json()["invited"] for answer in answers] == [1, 0, 0]
    row = Invitation.objects.get()
    assert (row.external_id, row.name, row.lucky_number) == ("7", "Ada No 7", "1")
    batch = InvitationBatch.objects.get()
    assert (batch.origin, batch.state, batch.is_fetched) == (Origin.WEBHOOK, BatchState.RUNNING, True)
    assert list(WorkItem.objects.values_list("kind", flat=True)) == ["invitations.photo"]


def test_next_contact_joins_the_batch_and_lucky_numbers_go_on(source: InvitationSource, send: Send) -> None:
    send(source, new(1))
    batch = InvitationBatch.objects.get()
    row = Invitation.objects.get()
    row.state, row.finished_at = "done", row.created_at
    row.save()
    held = batches.lock(batch)
    completion.count(held, [row])
    completion.advance(held)
    assert running.again(batch).state == BatchState.COMPLETED
    send(source, new(2, 3))
    batch = InvitationBatch.objects.get()
    assert (batch.state, batch.total_count, batch.finished_at) == (BatchState.RUNNING, 3, None)
    numbers = list(Invitation.objects.order_by("id").values_list("lucky_number", flat=True))
    assert numbers == ["1", "2", "3"]


def test_another_plan_begins_another_batch(source: InvitationSource, send: Send) -> None:
    send(source, new(1))
    InvitationSource.objects.update(lucky_first=500)
    send(source, new(2))
    assert InvitationBatch.objects.count() == 2
    assert Invitation.objects.get(external_id="2").lucky_number == "500"


def test_cancelled_batch_is_not_joined(source: InvitationSource, send: Send) -> None:
    send(source, new(1))
    batches.cancel(InvitationBatch.objects.get())
    send(source, new(2))
    assert InvitationBatch.objects.count() == 2


def test_who_has_a_link_or_an_invitation_begins_no_batch(source: InvitationSource, send: Send) -> None:
    people.add(made.batch(source), [made.person(1)])
    assert send(source, new(1)).json()["invited"] == 0
    assert send(source, new(2, invitation_link="https://drive.example/2")).json()["invited"] == 0
    assert not InvitationBatch.objects.filter(origin=Origin.WEBHOOK).exists()


def test_only_the_sources_form_counts(source: InvitationSource, send: Send) -> None:
    InvitationSource.objects.update(audience="form", audience_id="5")
    assert send(source, submitted(4, 1)).json()["invited"] == 0
    assert send(source, new(2)).json()["invited"] == 0
    assert send(source, submitted(5, 3)).json()["invited"] == 1


def test_segment_is_looked_at_soon(source: InvitationSource, send: Send) -> None:
    InvitationSource.objects.update(audience="segment", audience_id="vips", polled_at=source.created_at)
    assert send(source, new(1)).json()["invited"] == 0
    assert InvitationSource.objects.get().polled_at is None


@pytest.mark.parametrize("signature", ["", "x", "AAAA", base64.b64encode(b"0" * 32).decode(), "é"])
def test_forged_signature_is_refused_and_leaves_no_trace(
    source: InvitationSource, send: Send, signature: str
) -> None:
    answer = send(source, new(1), HTTP_WEBHOOK_SIGNATURE=signature)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_signature")
    assert not Invitation.objects.exists()


def test_unknown_source_and_one_without_a_secret_look_the_same(source: InvitationSource, send: Send) -> None:
    nobody = InvitationSource(uuid=uuid4())
    known = send(source, new(1), secret="wrong")
    InvitationSource.objects.update(webhook_secret="")
    for answer in (send(nobody, new(1)), send(source, new(1)), send(source, new(1), secret="")):
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_signature")
        assert answer.json()["detail"] == known.json()["detail"]


@pytest.mark.parametrize("body", [b"not json", b"[]", b'"x"', b"[" * 100_000, b"\xff"])
def test_signed_nonsense_is_a_bad_request(source: InvitationSource, send: Send, body: bytes) -> None:
    answer = send(source, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_body")


def test_too_large_a_body_is_refused(source: InvitationSource, send: Send, settings: Any) -> None:
    settings.WEBHOOK_MAX_BYTES = 1000
    answer = send(source, b"x" * 1001)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_larger_than_django_reads_is_taken(source: InvitationSource, send: Send, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    assert send(source, new(*range(1, 9))).json()["invited"] == 8


def test_source_that_is_off_takes_nobody(source: InvitationSource, send: Send) -> None:
    InvitationSource.objects.update(is_enabled=False)
    answer = send(source, new(1))
    assert (answer.status_code, answer.json()["invited"]) == (200, 0)
