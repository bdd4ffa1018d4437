"""The end of a request: one e-mail with the output table, one signed webhook, once a round."""

import csv
import hashlib
import hmac
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from pytest_django import Settings

from chatboost.core import clock, files
from chatboost.core.models import File, Mail, WorkAttempt, WorkItem, WorkState
from compression.choices import DeliveryState, RequestState
from compression.models import CompletionDelivery, CompressionRequest
from compression.selectors import output_table
from compression.services import completion, requests, signing
from compression.work import reports
from teams.models import Organization
from tests.compression.batches import EMAIL, again, hand_in, table, work
from tests.fakes.images import ImageHost, picture
from tests.fakes.receiver import WebhookReceiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hook(host: ImageHost, settings: Settings) -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        authority = receiver.url.removeprefix("http://").partition("/")[0]
        settings.FETCH_ALLOWED_PRIVATE_HOSTS = [host.authority, authority]
        yield receiver


def rows_of(file: File) -> list[dict[str, str]]:
    with files.open(file) as content:
        return list(csv.DictReader(io.StringIO(content.read().decode("utf-8-sig"))))


def attached(mail: Mail) -> list[dict[str, str]]:
    (uuid,) = mail.file_uuids
    return rows_of(File.objects.get(uuid=uuid))


def test_mail_says_that_a_request_could_not_be_prepared(organization: Organization) -> None:
    hand_in(organization, "https://example.com/1.jpg")
    spread = WorkItem.objects.filter(kind=requests.SPREAD_KIND)
    spread.update(state=WorkState.LEASED, crash_count=2, lease_until=clock.now() - timedelta(seconds=1))
    work()
    assert "0 of 1 images are compressed; 1 could not be." in Mail.objects.get().text
    assert "The request could not be prepared" in Mail.objects.get().text


def test_round_that_outlasts_its_images_has_its_table_all_the_same(
    organization: Organization, host: ImageHost
) -> None:
    request = hand_in(organization, host.address("missing/1.jpg"))
    CompressionRequest.objects.filter(pk=request.pk).update(files_expire_at=clock.now() - timedelta(hours=1))
    work()
    (uuid,) = Mail.objects.get().file_uuids
    expires_at = files.get(UUID(uuid), organization.pk).expires_at
    assert expires_at > clock.now() + timedelta(days=6)


def test_mail_carries_the_output_table(organization: Organization, host: ImageHost) -> None:
    good, bad = host.address("ok/1.jpg"), host.address("missing/2.jpg")
    hand_in(organization, [good, bad], file_name="shop.csv")
    work()
    mail = Mail.objects.get()
    assert (mail.to, mail.organization_id) == (EMAIL, organization.pk)
    assert "1 of 2 images of shop.csv are compressed; 1 could not be." in mail.text
    first, second = attached(mail)
    assert first["Serial Number"] == "1"
    assert first["Input Image URL"] == good
    assert "/compression/image/" in first["Output Image URL"]
    assert first["Bytes Before"] == str(len(picture(1)))
    assert int(first["Bytes Saved"]) == int(first["Bytes Before"]) - int(first["Bytes After"])
    assert (first["State"], second["State"], second["Error"]) == ("ok", "failed", "not_found")
    assert second["Output Image URL"] == ""


def test_cell_that_a_spreadsheet_would_compute_is_guarded(
    organization: Organization, host: ImageHost
) -> None:
    requests.create(
        organization=organization,
        email=EMAIL,
        file=table([("=1+1", '=HYPERLINK("http://evil")', host.address("ok/1.jpg"))]),
    )
    work()
    (row,) = attached(Mail.objects.get())
    assert row["Serial Number"] == "'=1+1"
    assert row["Product Name"].startswith("'=")


def test_large_table_is_linked_not_attached(
    organization: Organization, host: ImageHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "MAX_ATTACHED", 10)
    hand_in(organization, host.address("ok/1.jpg"))
    work()
    mail = Mail.objects.get()
    assert mail.file_uuids == []
    assert "/files/" in mail.text
    assert "token=" in mail.text


def test_round_has_one_mail_and_one_webhook(
    organization: Organization, host: ImageHost, hook: WebhookReceiver
) -> None:
    request = hand_in(
        organization, host.address("ok/1.jpg"), host.address("missing/2.jpg"), webhook_url=hook.url
    )
    work()
    completion.send_mail(again(request))
    work()
    assert (Mail.objects.count(), len(hook.requests)) == (1, 1)
    requests.retry_failed(request=request, actor=None)
    work()
    assert (Mail.objects.count(), len(hook.requests)) == (2, 2)
    assert [call.json()["round"] for call in hook.requests] == [1, 2]
    assert len({call.headers["idempotency-key"] for call in hook.requests}) == 2


def test_webhook_is_signed_over_the_raw_body_with_its_time(
    organization: Organization, host: ImageHost, hook: WebhookReceiver
) -> None:
    request = hand_in(organization, host.address("ok/1.jpg"), webhook_url=hook.url)
    work()
    (call,) = hook.requests
    timestamp = call.headers["x-chatboost-timestamp"]
    signed = timestamp.encode() + b"." + call.body
    expected = hmac.new(signing.key_of(organization.pk).encode(), signed, hashlib.sha256).hexdigest()
    assert call.headers["x-chatboost-signature"] == f"sha256={expected}"
    assert call.json()["request_id"] == str(request.uuid)
    assert call.json()["status"] == "COMPLETED"
    delivery = CompletionDelivery.objects.get()
    assert (delivery.state, delivery.response_status) == (DeliveryState.ANSWERED, 200)


def test_webhook_that_fails_is_tried_again_and_its_tries_are_kept(
    organization: Organization, host: ImageHost, settings: Settings
) -> None:
    with WebhookReceiver(lambda count: 500 if count < 3 else 204) as hook:
        authority = hook.url.removeprefix("http://").partition("/")[0]
        settings.FETCH_ALLOWED_PRIVATE_HOSTS = [host.authority, authority]
        hand_in(organization, host.address("ok/1.jpg"), webhook_url=hook.url)
        work()
        assert len(hook.requests) == 3
        assert len({call.headers["idempotency-key"] for call in hook.requests}) == 1
    assert CompletionDelivery.objects.get().state == DeliveryState.ANSWERED
    assert [each.error for each in WorkAttempt.objects.filter(kind="compression.webhook")] == ["HTTP 500"] * 2


def test_webhook_that_never_answers_is_a_dead_letter_and_the_mail_goes_all_the_same(
    organization: Organization, host: ImageHost, settings: Settings
) -> None:
    with WebhookReceiver(lambda count: 500) as hook:
        authority = hook.url.removeprefix("http://").partition("/")[0]
        settings.FETCH_ALLOWED_PRIVATE_HOSTS = [host.authority, authority]
        hand_in(organization, host.address("ok/1.jpg"), webhook_url=hook.url)
        work(within=timedelta(days=1))
        assert len(hook.requests) == 8
    assert CompletionDelivery.objects.get().state == DeliveryState.FAILED
    assert WorkItem.objects.get().state == WorkState.DEAD
    assert Mail.objects.count() == 1


def test_webhook_to_a_private_address_is_refused_without_a_call(
    organization: Organization, host: ImageHost
) -> None:
    with WebhookReceiver() as hook:
        hand_in(organization, host.address("ok/1.jpg"), webhook_url=hook.url)
        work()
        assert hook.requests == []
    delivery = CompletionDelivery.objects.get()
    assert (delivery.state, delivery.error) == (DeliveryState.FAILED, "url_port_refused")


def test_table_that_could_not_be_written_is_written_later(
    organization: Organization, host: ImageHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    whole = output_table.write

    def failing_once(request: CompressionRequest) -> Any:
        calls.append(request.pk)
        if len(calls) == 1:
            raise OSError("the disk is full")
        return whole(request)

    monkeypatch.setattr(output_table, "write", failing_once)
    hand_in(organization, host.address("ok/1.jpg"))
    work()
    assert len(calls) == 2
    assert Mail.objects.count() == 1


def test_table_goes_through_more_images_than_a_chunk(
    organization: Organization, host: ImageHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_table, "_CHUNK", 2)
    urls = [[host.address("ok/1.jpg")] * 3, [host.address("missing/2.jpg")] * 2]
    request = hand_in(organization, *urls)
    work(queues=["media"])
    text = b"".join(output_table.write(again(request))).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["Product Name"] for row in rows] == ["Product 1"] * 3 + ["Product 2"] * 2


def test_output_has_no_address_once_it_has_expired(organization: Organization, host: ImageHost) -> None:
    request = hand_in(organization, host.address("ok/1.jpg"))
    work(queues=["media"])
    with clock.frozen(clock.now() + timedelta(days=31)):
        text = b"".join(output_table.write(again(request))).decode("utf-8-sig")
    assert next(csv.DictReader(io.StringIO(text)))["Output Image URL"] == ""


# /webhook-completed


def call_completed(client: Any, body: dict[str, Any], secret: str, *, age: int = 0) -> Any:
    raw = json.dumps(body).encode()
    timestamp = str(int(clock.now().timestamp()) - age)
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + raw, hashlib.sha256).hexdigest()
    return client.post(
        "/webhook-completed",
        raw,
        content_type="application/json",
        HTTP_X_CHATBOOST_TIMESTAMP=timestamp,
        HTTP_X_CHATBOOST_SIGNATURE=f"sha256={digest}",
    )


def test_signed_call_sends_the_mail_unless_it_was_sent(
    organization: Organization, host: ImageHost, client: Any
) -> None:
    request = hand_in(organization, host.address("ok/1.jpg"))
    work()
    answer = call_completed(client, {"request_id": str(request.uuid)}, signing.installation_secret())
    work()
    assert (answer.status_code, answer.json()) == (200, {"request_id": str(request.uuid)})
    assert Mail.objects.count() == 1


def test_signed_call_sends_the_mail_of_a_cancelled_request(
    organization: Organization, host: ImageHost, client: Any
) -> None:
    request = hand_in(organization, host.address("ok/1.jpg"))
    requests.cancel(request=request, actor=None)
    for _ in range(2):
        call_completed(client, {"request_id": str(request.uuid)}, signing.key_of(organization.pk))
        work()
    assert "the request was cancelled" in Mail.objects.get().text


def test_call_before_the_end_is_refused(organization: Organization, client: Any) -> None:
    request = hand_in(organization, "https://example.com/a.jpg")
    answer = call_completed(client, {"request_id": str(request.uuid)}, signing.installation_secret())
    assert (answer.status_code, answer.json()["code"]) == (409, "not_finished")
    assert again(request).state == RequestState.PENDING


@pytest.mark.parametrize("age", [0, 301, -301])
@pytest.mark.parametrize("whose", ["nobody", "another", "own"])
def test_call_that_is_not_signed_by_its_own_or_is_old_is_refused(
    organization: Organization, other_organization: Organization, client: Any, whose: str, age: int
) -> None:
    request = hand_in(organization, "https://example.com/a.jpg")
    keys = {
        "nobody": "wrong",
        "another": signing.key_of(other_organization.pk),
        "own": signing.key_of(organization.pk),
    }
    answer = call_completed(client, {"request_id": str(request.uuid)}, keys[whose], age=age)
    is_good = whose == "own" and age == 0
    assert answer.status_code == (409 if is_good else 403)


def test_call_about_nothing_is_unknown_only_to_whoever_may_know(client: Any) -> None:
    nothing = {"request_id": "00000000-0000-4000-8000-000000000000"}
    assert call_completed(client, nothing, signing.installation_secret()).status_code == 404
    assert call_completed(client, nothing, "wrong").status_code == 403
