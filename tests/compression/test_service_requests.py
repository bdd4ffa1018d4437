"""Requests: taken whole or not at all, cancelled, tried again; their counts are those of their images."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Sum
from pytest_django import Settings

from chatboost.core import clock
from chatboost.core.errors import Conflict, ValidationFailed
from chatboost.core.models import AuditEntry, File, FileState, Mail, WorkItem, WorkState
from chatboost.core.work import claim, drain
from chatboost.core.work.sweep import sweep
from compression.choices import ALLOWED_TRANSITIONS, OPEN, ImageState, RequestState, product_state
from compression.errors import NotNow, TableRefused
from compression.models import CompletionDelivery, CompressionRequest, Image, Product
from compression.services import completion, lines, requests
from compression.work import settling, spreading
from teams import limits
from teams.models import Organization, User
from tests.compression import batches
from tests.compression.batches import again, ends, hand_in, work
from tests.fakes.images import ImageHost

pytestmark = pytest.mark.django_db

HOOK = "https://hooks.example.com/done"


def counted(request: CompressionRequest) -> dict[str, Any]:
    """Count what the request should say, from its images."""
    rows = Image.objects.filter(request=request)
    states = Counter(rows.values_list("state", flat=True))
    done = rows.filter(state=ImageState.COMPLETED)
    sums = done.aggregate(before=Sum("bytes_before"), after=Sum("bytes_after"))
    return {
        "done_count": states[ImageState.COMPLETED],
        "failed_count": states[ImageState.FAILED],
        "kept_count": done.filter(is_kept=True).count(),
        "bytes_before": sums["before"] or 0,
        "bytes_after": sums["after"] or 0,
    }


def said(request: CompressionRequest) -> dict[str, Any]:
    row = again(request)
    return {name: getattr(row, name) for name in counted(request)}


def test_refused_table_leaves_nothing(organization: Organization) -> None:
    with pytest.raises(TableRefused):
        hand_in(organization, "https://example.com/a.jpg", "nowhere")
    assert not CompressionRequest.objects.exists()
    assert not Product.objects.exists()
    assert not WorkItem.objects.exists()


@pytest.mark.parametrize(
    "email", ["nobody", "a@example.com,b@example.com", "a@example.com\nBcc: b@example.com"]
)
def test_address_of_more_or_less_than_one_person_is_refused(organization: Organization, email: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        hand_in(organization, "https://example.com/a.jpg", email=email)
    assert list(caught.value.errors) == ["email"]


def test_webhook_that_is_no_url_is_refused(organization: Organization) -> None:
    with pytest.raises(ValidationFailed) as caught:
        hand_in(organization, "https://example.com/a.jpg", webhook_url="javascript:alert(1)")
    assert list(caught.value.errors) == ["webhook_url"]


def test_limit_of_requests_under_way_holds(
    organization: Organization, other_organization: Organization
) -> None:
    limits.set_value(organization=organization, name="compression_requests", value=1, actor=None)
    hand_in(organization, "https://example.com/a.jpg")
    with pytest.raises(Conflict, match="compression requests under way"):
        hand_in(organization, "https://example.com/a.jpg")
    hand_in(other_organization, "https://example.com/a.jpg")


def test_limit_of_waiting_images_holds(organization: Organization) -> None:
    limits.set_value(organization=organization, name="compression_images", value=2, actor=None)
    with pytest.raises(Conflict, match="images waiting"):
        hand_in(organization, ["https://example.com/a.jpg"] * 3)


def test_large_table_is_spread_in_chunks_and_nothing_is_lost(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreading, "CHUNK", 7)
    urls = [f"https://example.com/{number % 40}.jpg" for number in range(50)]
    request = hand_in(organization, *urls)
    now = clock.now()
    with clock.frozen(now):
        while drain.drain("media", names=[requests.SPREAD_KIND], now=lambda: now):
            pass
    images = Image.objects.filter(request=request).order_by("product_id", "position")
    assert [image.url for image in images] == urls
    assert images.filter(same_as=None).count() == 40
    assert again(request).is_spread


def test_counts_are_those_of_the_images(organization: Organization, host: ImageHost) -> None:
    paths = [f"ok/{number % 7}.jpg" for number in range(12)] + ["missing/1.jpg", "error/1.jpg", "same/3.png"]
    request = hand_in(organization, *map(host.address, paths))
    work(queues=["media"])
    assert said(request) == counted(request)
    assert again(request).done_count + again(request).failed_count == len(paths)


def give_the_spread_up() -> None:
    spread = WorkItem.objects.filter(kind=requests.SPREAD_KIND)
    now = clock.now()
    spread.update(state=WorkState.LEASED, crash_count=2, lease_until=now - timedelta(seconds=1))
    sweep(now=now)
    assert spread.get().state == WorkState.DEAD


def test_request_that_can_not_be_prepared_fails_and_says_so(
    organization: Organization, host: ImageHost
) -> None:
    request = hand_in(organization, host.address("ok/1.jpg"), webhook_url="https://shop.example/done")
    give_the_spread_up()
    request = again(request)
    assert (request.state, request.done_count, request.failed_count) == (RequestState.FAILED, 0, 1)
    assert CompletionDelivery.objects.get().request == request
    assert WorkItem.objects.filter(kind=completion.REPORT_KIND).exists()


def test_request_that_can_not_be_prepared_to_its_end_is_partial_and_tried_again(
    organization: Organization, host: ImageHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreading, "CHUNK", 2)
    request = hand_in(organization, *(host.address(f"ok/{number}.jpg") for number in range(5)))
    now = clock.now()
    with clock.frozen(now):
        drain.run(claim.claim("media", limit=1, now=now), now=lambda: now)
        drain.run(claim.claim("media", limit=1, now=now, kinds=[lines.IMAGE_KIND]), now=lambda: now)
    give_the_spread_up()
    done = again(request).done_count
    assert 0 < done < 5
    assert (again(request).state, again(request).failed_count) == (RequestState.PARTIAL, 5 - done)
    assert set(ends(request)) <= {(ImageState.COMPLETED, ""), (ImageState.FAILED, "given_up")}
    requests.retry_failed(request=request, actor=None)
    work(queues=["media"])
    assert again(request).state == RequestState.COMPLETED
    assert said(request) == counted(request)


# Cancelling


def test_cancelled_request_ends_at_once_and_nothing_of_it_runs(
    organization: Organization, other_organization: Organization, host: ImageHost, editor: User
) -> None:
    request = hand_in(organization, host.address("ok/1.jpg"), host.address("ok/2.jpg"), webhook_url=HOOK)
    other = hand_in(other_organization, host.address("ok/3.jpg"))
    now = clock.now()
    with clock.frozen(now):
        drain.drain("media", names=[requests.SPREAD_KIND], now=lambda: now)
    requests.cancel(request=request, actor=editor)
    work(queues=["media"])
    assert again(request).state == RequestState.CANCELLED
    assert ends(request) == [(ImageState.CANCELLED, "")] * 2
    assert host.calls == {"/ok/3.jpg": 1}
    assert again(other).state == RequestState.COMPLETED
    assert AuditEntry.objects.filter(verb="compression.cancelled").exists()


def test_cancelled_request_is_told_to_its_webhook_and_to_nobody_by_mail(organization: Organization) -> None:
    request = hand_in(organization, "https://example.com/a.jpg", webhook_url=HOOK)
    requests.cancel(request=request, actor=None)
    assert CompletionDelivery.objects.get(request=request).round == 1
    assert not WorkItem.objects.filter(kind="compression.report").exists()
    assert not Mail.objects.exists()


def test_request_cancelled_before_it_is_spread_has_no_images(organization: Organization) -> None:
    request = hand_in(organization, "https://example.com/a.jpg")
    requests.cancel(request=request, actor=None)
    work(queues=["media"])
    assert not Image.objects.exists()


def test_image_that_ends_after_the_cancelling_stays_cancelled(
    organization: Organization, host: ImageHost
) -> None:
    request = hand_in(organization, host.address("ok/1.jpg"))
    now = clock.now()
    with clock.frozen(now):
        drain.drain("media", names=[requests.SPREAD_KIND], now=lambda: now)
    image = Image.objects.get(request=request)
    requests.cancel(request=request, actor=None)
    failed = settling.Failure(code="not_found", message="Nothing there.")
    settling.settle(
        [
            settling.Result(
                image_id=image.pk,
                request_id=request.pk,
                outcome=failed,
                places=[],
                is_head=True,
                is_held=True,
            )
        ]
    )
    assert ends(request) == [(ImageState.CANCELLED, "")]
    assert again(request).failed_count == 0


def test_request_that_has_ended_is_not_cancelled(organization: Organization, host: ImageHost) -> None:
    request = hand_in(organization, host.address("ok/1.jpg"))
    work(queues=["media"])
    with pytest.raises(NotNow) as caught:
        requests.cancel(request=request, actor=None)
    assert caught.value.code == "already_finished"


# Trying again


def test_failed_images_are_tried_again_and_others_left_alone(
    organization: Organization, host: ImageHost, settings: Settings
) -> None:
    request = hand_in(organization, host.address("ok/1.jpg"), [host.address("flaky/2.jpg")] * 2)
    settling_attempts = settling.MAX_ATTEMPTS
    work(within=timedelta(), queues=["media"])
    Image.objects.filter(request=request, error_code="server_error").update(attempt_count=settling_attempts)
    host.calls["/flaky/2.jpg"] = 0
    work(queues=["media"])
    assert again(request).state == RequestState.PARTIAL
    requests.retry_failed(request=request, actor=None)
    assert (again(request).round, again(request).failed_count) == (2, 0)
    work(queues=["media"])
    assert again(request).state == RequestState.COMPLETED
    assert said(request) == counted(request)
    assert host.calls["/ok/1.jpg"] == 1


def test_request_without_failures_has_nothing_to_try_again(
    organization: Organization, host: ImageHost
) -> None:
    request = hand_in(organization, host.address("ok/1.jpg"))
    for _ in range(2):
        with pytest.raises(NotNow) as caught:
            requests.retry_failed(request=request, actor=None)
        assert caught.value.code == "nothing_failed"
        work(queues=["media"])


def test_images_are_kept_from_the_last_round_on(organization: Organization, host: ImageHost) -> None:
    request = hand_in(organization, host.address("ok/1.jpg"), host.address("missing/2.jpg"))
    work(queues=["media"])
    later = clock.now() + timedelta(days=20)
    with clock.frozen(later):
        requests.retry_failed(request=request, actor=None)
    until = later + timedelta(days=30)
    assert again(request).files_expire_at == until
    assert File.objects.get(purpose="compressed", state=FileState.READY).expires_at == until


def test_request_whose_images_have_expired_is_not_tried_again(
    organization: Organization, host: ImageHost
) -> None:
    request = hand_in(organization, host.address("missing/1.jpg"))
    work(queues=["media"])
    with clock.frozen(clock.now() + timedelta(days=31)), pytest.raises(NotNow) as caught:
        requests.retry_failed(request=request, actor=None)
    assert caught.value.code == "files_expired"


# States


def test_every_state_says_where_it_may_go() -> None:
    assert set(ALLOWED_TRANSITIONS) == set(RequestState)
    assert all(RequestState.CANCELLED in ALLOWED_TRANSITIONS[state] for state in OPEN)


@pytest.mark.parametrize(
    ("counts", "state"),
    [
        ({}, "pending"),
        ({"pending": 2}, "pending"),
        ({"pending": 1, "completed": 1}, "processing"),
        ({"processing": 1}, "processing"),
        ({"completed": 2}, "completed"),
        ({"failed": 2}, "failed"),
        ({"completed": 1, "failed": 1}, "partial"),
        ({"cancelled": 1, "failed": 1}, "failed"),
        ({"cancelled": 2}, "cancelled"),
    ],
)
def test_product_is_what_its_images_have_come_to(counts: dict[str, int], state: str) -> None:
    assert product_state(counts) == state


def test_requests_of_two_organizations_are_apart(
    organization: Organization, other_organization: Organization
) -> None:
    hand_in(organization, "https://example.com/a.jpg")
    assert not CompressionRequest.objects.for_organization(other_organization).exists()
    assert CompressionRequest.objects.for_organization(organization).get().email == batches.EMAIL
