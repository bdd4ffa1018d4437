"""Images: fetched once, compressed, stored, counted; every place ends as ok or as a named error."""

from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.core.files.storage import default_storage
from pytest_django import Settings

from chatboost.core import clock, files, preferences
from chatboost.core.models import File, FileState, WorkItem, WorkState
from chatboost.core.work import claim, drain, finish
from chatboost.core.work.sweep import sweep
from chatboost.settings.files import s3
from compression import encoding, table
from compression.choices import ImageState, RequestState
from compression.codec import Pool
from compression.models import CompressionRequest, HostPause, Image
from compression.preferences import CompressionSettings
from compression.services import lines, requests
from compression.services.requests import Wishes
from compression.work import images, spreading
from teams.models import Organization
from tests.compression.batches import again, ends, hand_in, work
from tests.core import test_http_corpus as corpus
from tests.fakes.faults import Fault, Rule
from tests.fakes.images import ImageHost, picture
from tests.fakes.peers import Network, Peer, always, answer
from tests.fakes.s3 import ACCESS_KEY_ID, BUCKET, REGION, SECRET_KEY, S3Fake

pytestmark = pytest.mark.django_db

OK = (ImageState.COMPLETED, "")


def test_image_is_fetched_compressed_and_stored(organization: Organization, host: ImageHost) -> None:
    request = hand_in(organization, host.address("ok/1.jpg"))
    work(queues=["media"])
    image = Image.objects.get(request=request)
    stored = File.objects.get(uuid=image.file_uuid)
    assert (image.state, image.error_code) == OK
    assert image.bytes_before == len(picture(1))
    assert image.bytes_after == stored.size < image.bytes_before
    assert (stored.state, stored.content_type) == (FileState.READY, "image/jpeg")
    assert default_storage.open(stored.path).read(2) == b"\xff\xd8"


def test_request_is_counted_to_its_end(organization: Organization, host: ImageHost) -> None:
    request = hand_in(
        organization, [host.address("ok/1.jpg"), host.address("ok/2.png")], host.address("missing/3.jpg")
    )
    assert request.state == RequestState.PENDING
    work(queues=["media"])
    request = again(request)
    assert (request.state, request.done_count, request.failed_count) == (RequestState.PARTIAL, 2, 1)
    assert ends(request) == [OK, OK, (ImageState.FAILED, "not_found")]
    assert not WorkItem.objects.filter(queue="media").exists()


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("missing/1.jpg", "not_found"),
        ("forbidden/1.jpg", "access_refused"),
        ("html/1.jpg", "not_an_image"),
        ("empty/1.jpg", "empty"),
        ("broken/1.jpg", "damaged"),
        ("large/1.jpg", "too_large"),
        ("endless/1.jpg", "too_large"),
        ("redirect/4/ok/1.jpg", "too_many_redirects"),
    ],
)
def test_image_that_can_not_be_had_has_a_named_error_after_one_try(
    organization: Organization, host: ImageHost, path: str, code: str
) -> None:
    request = hand_in(organization, host.address(path))
    work(queues=["media"])
    image = Image.objects.get(request=request)
    assert (image.state, image.error_code, image.attempt_count) == (ImageState.FAILED, code, 1)
    assert image.error_detail
    assert again(request).state == RequestState.FAILED
    assert not File.objects.exists()


@pytest.mark.parametrize(("path", "code"), [("error/1.jpg", "server_error"), ("reset/1.jpg", "no_answer")])
def test_trouble_that_may_pass_is_tried_five_times(
    organization: Organization, host: ImageHost, path: str, code: str
) -> None:
    request = hand_in(organization, host.address(path))
    work(queues=["media"])
    assert ends(request) == [(ImageState.FAILED, code)]
    assert host.calls[f"/{path}"] == 5


@pytest.mark.parametrize("path", ["slow/1.jpg", "trickle/1.jpg"])
def test_host_that_takes_its_time_is_left_at_the_deadline(
    organization: Organization, host: ImageHost, settings: Settings, path: str
) -> None:
    settings.COMPRESSION_FETCH_DEADLINE = timedelta(seconds=0.3)
    request = hand_in(organization, host.address(path))
    work(queues=["media"])
    assert ends(request) == [(ImageState.FAILED, "no_answer")]


@pytest.mark.parametrize("path", ["flaky/1.jpg", "busy/1.jpg", "redirect/3/ok/1.jpg"])
def test_trouble_that_passes_costs_nothing(organization: Organization, host: ImageHost, path: str) -> None:
    request = hand_in(organization, host.address(path))
    work(queues=["media"])
    assert ends(request) == [OK]


def test_try_that_failed_leaves_its_host_to_others_meanwhile(
    organization: Organization, host: ImageHost, settings: Settings
) -> None:
    settings.COMPRESSION_HOST_CONNECTIONS = 1
    request = hand_in(organization, host.address("error/1.jpg"), host.address("ok/2.jpg"))
    now = clock.now()
    work(now, within=timedelta(), queues=["media"])
    assert ends(request) == [(ImageState.PENDING, "server_error"), OK]
    assert WorkItem.objects.get(queue="media").state == WorkState.SCHEDULED


# Once


def test_url_that_stands_there_twice_is_fetched_once(organization: Organization, host: ImageHost) -> None:
    url = host.address("ok/1.jpg")
    request = hand_in(organization, [url, url], url)
    work(queues=["media"])
    request = again(request)
    first, *others = Image.objects.filter(request=request).order_by("id")
    assert host.calls == {"/ok/1.jpg": 1}
    assert {image.file_uuid for image in others} == {first.file_uuid}
    assert [image.same_as_id for image in others] == [first.pk, first.pk]
    assert (request.done_count, request.bytes_before) == (3, 3 * len(picture(1)))


def test_other_places_of_a_url_fail_with_it(organization: Organization, host: ImageHost) -> None:
    request = hand_in(organization, [host.address("missing/1.jpg")] * 3)
    work(queues=["media"])
    assert ends(request) == [(ImageState.FAILED, "not_found")] * 3
    assert again(request).failed_count == 3


def test_same_bytes_at_two_addresses_share_their_file(organization: Organization, host: ImageHost) -> None:
    request = hand_in(organization, host.address("same/1.jpg"), host.address("same/2.jpg"))
    work(queues=["media"])
    one, other = Image.objects.filter(request=request).order_by("id")
    assert one.file_uuid == other.file_uuid
    assert File.objects.filter(purpose="compressed", state=FileState.READY).count() == 1
    assert File.objects.filter(state=FileState.WRITING, expires_at__lte=clock.now()).count() == 2


def test_url_is_shared_within_a_request_only(
    organization: Organization, other_organization: Organization, host: ImageHost
) -> None:
    for each in (organization, other_organization):
        hand_in(each, host.address("ok/1.jpg"))
    work(queues=["media"])
    assert host.calls == {"/ok/1.jpg": 2}
    assert len({image.file_uuid for image in Image.objects.all()}) == 2


def test_place_that_is_spread_after_its_url_has_ended_ends_with_it(
    organization: Organization, host: ImageHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreading, "CHUNK", 1)
    url = host.address("ok/1.jpg")
    request = hand_in(organization, url, host.address("missing/2.jpg"), url)
    work(queues=["media"])
    assert ends(request) == [OK, (ImageState.FAILED, "not_found"), OK]
    assert host.calls["/ok/1.jpg"] == 1
    assert again(request).state == RequestState.PARTIAL


# Wishes


def test_organization_says_how_images_come_out_and_a_request_otherwise(
    organization: Organization, host: ImageHost
) -> None:
    preferences.change(
        organization_id=organization.pk, type=CompressionSettings, actor=None, quality=20, output="webp"
    )
    own = hand_in(organization, host.address("ok/1.jpg"))
    other = hand_in(organization, host.address("ok/1.jpg"), wishes=Wishes(quality=70, output="same"))
    work(queues=["media"])
    made = {image.request_id: image for image in Image.objects.all()}
    assert (made[own.pk].media_type, made[own.pk].quality) == ("image/webp", 20)
    assert (made[other.pk].media_type, made[other.pk].quality) == ("image/jpeg", 70)


def test_bytes_mode_keeps_every_image_below_the_share(organization: Organization, host: ImageHost) -> None:
    request = hand_in(
        organization,
        *(host.address(f"ok/{number}.jpg") for number in range(4)),
        wishes=Wishes(mode="bytes", percent=40),
    )
    work(queues=["media"])
    for image in Image.objects.filter(request=request):
        assert image.bytes_after <= 0.4 * image.bytes_before


def test_inputs_are_not_kept_where_the_organization_wants_none(
    organization: Organization, host: ImageHost
) -> None:
    preferences.change(
        organization_id=organization.pk, type=CompressionSettings, actor=None, originals_kept_days=0
    )
    request = hand_in(organization, host.address("ok/1.jpg"))
    work(queues=["media"])
    assert Image.objects.get(request=request).original_uuid is None
    assert set(File.objects.values_list("purpose", flat=True)) == {"compressed"}


# Hosts


def test_host_is_called_by_few_at_a_time(
    organization: Organization, host: ImageHost, settings: Settings
) -> None:
    settings.COMPRESSION_HOST_CONNECTIONS = 3
    request = hand_in(organization, *(host.address(f"ok/{number}.jpg") for number in range(30)))
    work(queues=["media"])
    assert len(set(Image.objects.values_list("line", flat=True))) == 3
    assert 1 <= host.most_at_once <= 3
    assert again(request).state == RequestState.COMPLETED


def test_lane_is_of_one_organization_and_one_host() -> None:
    lanes = {
        lines.order(Image(pk=1, organization_id=organization, line=lines.line_of(url, 1))).lane
        for organization in (1, 2)
        for url in ("https://a.example/x", "https://a.example:444/x", "https://b.example/x")
    }
    assert len(lanes) == 6


def test_work_table_holds_the_heads_of_lines_only(organization: Organization, settings: Settings) -> None:
    settings.COMPRESSION_HOST_CONNECTIONS = 2
    request = hand_in(
        organization, *(f"https://{host}.example.com/{n}.jpg" for host in "ab" for n in range(9))
    )
    now = clock.now()
    with clock.frozen(now):
        drain.drain("media", names=[requests.SPREAD_KIND], now=lambda: now)
    heads = Image.objects.filter(request=request, work_item_id__isnull=False)
    items = WorkItem.objects.filter(kind=lines.IMAGE_KIND)
    assert dict(heads.values_list("id", "work_item_id")) == dict(items.values_list("subject_id", "id"))
    assert len(set(heads.values_list("line", flat=True))) == heads.count() == 4


def test_two_requests_of_an_organization_share_their_lines_at_a_host(
    organization: Organization, host: ImageHost, settings: Settings
) -> None:
    settings.COMPRESSION_HOST_CONNECTIONS = 1
    both = [
        hand_in(organization, *(host.address(f"ok/{each}{number}.jpg") for number in range(4)))
        for each in (1, 2)
    ]
    work(queues=["media"])
    assert {again(request).state for request in both} == {RequestState.COMPLETED}
    assert host.most_at_once == 1


def test_host_is_called_so_often_in_a_time_whoever_asks(
    organization: Organization, other_organization: Organization, host: ImageHost, settings: Settings
) -> None:
    settings.COMPRESSION_HOST_RATE = "4/min"
    for each in (organization, other_organization):
        hand_in(each, *(host.address(f"ok/{number}.jpg") for number in range(4)))
    now = clock.now()
    work(now, within=timedelta(seconds=30), queues=["media"])
    assert sum(host.calls.values()) == 4
    work(now, within=timedelta(minutes=5), queues=["media"])
    assert sum(host.calls.values()) == 8


def test_host_that_asks_for_a_pause_gets_it_for_all_its_images(
    organization: Organization, settings: Settings
) -> None:
    with ImageHost(retry_after="120") as host:
        settings.FETCH_ALLOWED_PRIVATE_HOSTS = [host.authority]
        settings.COMPRESSION_HOST_CONNECTIONS = 1
        request = hand_in(organization, host.address("busy/1.jpg"), host.address("ok/2.jpg"))
        now = clock.now()
        work(now, within=timedelta(seconds=60), queues=["media"])
        assert host.calls == {"/busy/1.jpg": 1}
        assert HostPause.objects.get().until == now + timedelta(seconds=120)
        work(now, within=timedelta(minutes=10), queues=["media"])
        assert ends(request) == [OK, OK]


def test_image_of_another_host_goes_on_during_a_pause(organization: Organization, host: ImageHost) -> None:
    HostPause.objects.create(host="elsewhere.example", until=clock.now() + timedelta(minutes=9))
    request = hand_in(organization, "https://elsewhere.example/1.jpg", host.address("ok/2.jpg"))
    work(within=timedelta(minutes=1), queues=["media"])
    assert ends(request) == [(ImageState.PENDING, ""), OK]


# Crashes


def test_worker_that_dies_after_the_intent_costs_no_image(
    organization: Organization, host: ImageHost
) -> None:
    request = hand_in(organization, host.address("ok/1.jpg"))
    now = clock.now()
    with clock.frozen(now):
        drain.drain("media", names=[requests.SPREAD_KIND], now=lambda: now)
    # Leased, and never heard of again.
    assert len(claim.claim("media", limit=5, now=now)) == 1
    later = now + timedelta(hours=1)
    with clock.frozen(later):
        sweep(now=later)
    work(later, queues=["media"])
    assert ends(request) == [OK]
    assert host.calls == {"/ok/1.jpg": 1}


def test_image_whose_work_dies_ends_its_request(organization: Organization, host: ImageHost) -> None:
    request = hand_in(organization, host.address("ok/1.jpg"), host.address("ok/2.jpg"))
    now = clock.now()
    drain.drain("media", names=[requests.SPREAD_KIND], now=lambda: now)
    first = Image.objects.filter(request=request).earliest("id")
    item = WorkItem.objects.filter(subject_id=first.pk, kind=lines.IMAGE_KIND)
    item.update(crash_count=2, state=WorkState.LEASED, lease_until=now - timedelta(seconds=1))
    sweep(now=now)
    work(now, queues=["media"])
    assert ends(request) == [(ImageState.FAILED, "given_up"), OK]
    assert again(request).state == RequestState.PARTIAL


# Trouble of our own


def in_bucket(settings: Settings, url: str) -> None:
    storage = s3(BUCKET, endpoint_url=url, region=REGION, access_key_id=ACCESS_KEY_ID, secret_key=SECRET_KEY)
    settings.STORAGES = {**settings.STORAGES, "default": storage}


def test_storage_that_is_away_costs_no_image_a_try(
    organization: Organization, host: ImageHost, settings: Settings
) -> None:
    settings.COMPRESSION_HOST_CONNECTIONS = 1
    request = spread_only(organization, *(host.address(f"ok/{number}.jpg") for number in range(3)))
    now = clock.now()
    with S3Fake() as fake:
        in_bucket(settings, fake.url)
        fake.play(Rule(fault=Fault.ERROR, match={"method": "PUT"}, status=403, message="AccessDenied"))
        now = work(now, within=timedelta(minutes=5), queues=["media"])
        assert set(Image.objects.values_list("state", "attempt_count")) == {(ImageState.PENDING, 0)}
        item = WorkItem.objects.get(queue="media")
        assert (item.state, item.error_count) == (WorkState.READY, 0)
        # One of the line tries; those behind it call nobody.
        assert set(host.calls) == {"/ok/0.jpg"}
        fake.play()
        work(now + timedelta(minutes=1), queues=["media"])
        assert ends(request) == [OK] * 3
    assert not Image.objects.exclude(attempt_count=1).exists()


def test_storage_that_goes_away_in_between_costs_no_image_a_try(
    organization: Organization, host: ImageHost, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.COMPRESSION_HOST_CONNECTIONS = 1
    request = spread_only(organization, *(host.address(f"ok/{number}.jpg") for number in range(3)))
    now = clock.now()
    (item,) = claim.claim("media", limit=5, now=now)
    intent = images.ImageKind().prepare([item])[item.id]
    assert isinstance(intent, images.Intent)
    monkeypatch.setattr(images, "CALL_SECONDS", 0.0)
    outcomes = images.ImageKind().call(intent) | {intent.jobs[1].image_id: images.Unable()}
    decisions = images.ImageKind().settle([(item, intent, outcomes)])
    finish.finish([item], decisions, now=now)
    assert ends(request) == [OK, (ImageState.PENDING, ""), (ImageState.PENDING, "")]
    assert File.objects.filter(state=FileState.WRITING, expires_at__lte=clock.now()).count() == 2
    work(queues=["media"])
    assert list(Image.objects.values_list("state", "attempt_count")) == [(ImageState.COMPLETED, 1)] * 3


def test_child_that_does_not_come_up_costs_no_image_a_try(
    organization: Organization, host: ImageHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = spread_only(organization, host.address("ok/1.jpg"))
    now = clock.now()
    with monkeypatch.context() as patch, Pool(1) as pool:
        pool.service = "tests.core.no_such_service"
        patch.setattr(encoding, "_pool", lambda: pool)
        now = work(now, within=timedelta(minutes=1), queues=["media"])
    assert Image.objects.get(request=request).attempt_count == 0
    work(now + timedelta(minutes=1), queues=["media"])
    assert ends(request) == [OK]


# Places that must not be called


def test_places_that_must_not_be_called_are_not(
    organization: Organization, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.COMPRESSION_HOST_RATE = ""
    Network(monkeypatch)
    with Peer(always(answer())) as canary, ImageHost() as host:
        settings.FETCH_ALLOWED_PRIVATE_HOSTS = [host.authority]
        bad = [url.replace("P", str(canary.port)) for url in corpus.URLS]
        direct = [url for url in bad if not table.problem_of(url)]
        redirects = [
            host.address(f"to?url={quote(url.replace('P', str(canary.port)), safe='', errors='replace')}")
            for url in corpus.REDIRECTS
        ]
        request = hand_in(organization, *dict.fromkeys([*_single(direct), *redirects]))
        work(queues=["media"])
        assert again(request).state == RequestState.FAILED
        assert not Image.objects.filter(request=request).exclude(state=ImageState.FAILED).exists()
        assert again(request).failed_count >= 120
        assert canary.connection_count == 0


def _single(urls: Sequence[str]) -> list[str]:
    """Leave out what a cell would part in two, or trim."""
    return [url for url in urls if table.split_urls(url) == [url]]


# Together


def spread_only(organization: Organization, *urls: str) -> CompressionRequest:
    """Hand a table in, and have its images in their lines, with nobody working on them."""
    request = hand_in(organization, *urls)
    now = clock.now()
    with clock.frozen(now):
        drain.drain("media", names=[requests.SPREAD_KIND], now=lambda: now)
    return request


def test_head_of_a_line_takes_some_of_those_behind_along(
    organization: Organization, host: ImageHost, settings: Settings
) -> None:
    settings.COMPRESSION_HOST_CONNECTIONS = 1
    request = spread_only(
        organization, *(host.address(f"ok/{number}.jpg") for number in range(images.CHUNK + 2))
    )
    assert WorkItem.objects.filter(queue="media").count() == 1
    now = clock.now()
    drain.run(claim.claim("media", limit=5, now=now), now=lambda: now)
    done = Image.objects.filter(request=request, state=ImageState.COMPLETED)
    assert done.count() == images.CHUNK
    assert len(set(done.values_list("work_item_id", flat=True))) == 1
    assert WorkItem.objects.filter(queue="media").count() == 1
    work(queues=["media"])
    assert again(request).state == RequestState.COMPLETED


def test_image_on_which_a_worker_died_goes_alone_and_lets_the_others_go(
    organization: Organization, host: ImageHost, settings: Settings
) -> None:
    settings.COMPRESSION_HOST_CONNECTIONS = 1
    request = spread_only(organization, *(host.address(f"ok/{number}.jpg") for number in range(4)))
    now = clock.now()
    (item,) = claim.claim("media", limit=5, now=now)
    images.ImageKind().prepare([item])
    assert Image.objects.filter(state=ImageState.PROCESSING, work_item_id=item.id).count() == 4
    later = now + timedelta(hours=1)
    with clock.frozen(later):
        sweep(now=later)
        (suspect,) = claim.claim("media", limit=5, now=later + timedelta(hours=1), suspect=True)
        images.ImageKind().prepare([suspect])
    assert Image.objects.filter(state=ImageState.PROCESSING).count() == 1
    assert Image.objects.filter(state=ImageState.PENDING, work_item_id=None).count() == 3
    sweep(now=later + timedelta(hours=3))
    work(later + timedelta(hours=4), queues=["media"])
    assert ends(request) == [OK] * 4


def test_head_that_ends_after_its_lease_was_lost_leaves_nobody_behind(
    organization: Organization, host: ImageHost, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.COMPRESSION_HOST_CONNECTIONS = 1
    request = spread_only(organization, *(host.address(f"ok/{number}.jpg") for number in range(4)))
    now = clock.now()
    (item,) = claim.claim("media", limit=5, now=now)
    intent = images.ImageKind().prepare([item])[item.id]
    assert isinstance(intent, images.Intent)
    monkeypatch.setattr(images, "CALL_SECONDS", 0.0)
    outcomes = images.ImageKind().call(intent)
    later = now + timedelta(hours=1)
    with clock.frozen(later):
        sweep(now=later)
        images.ImageKind().settle([(item, intent, outcomes)])
    assert ends(request) == [OK, *[(ImageState.PROCESSING, "")] * 3]
    work(later, queues=["media"])
    assert ends(request) == [OK] * 4
    assert again(request).state == RequestState.COMPLETED


def test_suspect_that_is_put_off_leaves_nobody_behind(
    organization: Organization, host: ImageHost, settings: Settings
) -> None:
    settings.COMPRESSION_HOST_CONNECTIONS = 1
    request = spread_only(organization, *(host.address(f"ok/{number}.jpg") for number in range(4)))
    now = clock.now()
    (item,) = claim.claim("media", limit=5, now=now)
    images.ImageKind().prepare([item])
    later = now + timedelta(hours=1)
    head = Image.objects.get(pk=item.subject_id)
    HostPause.objects.create(host=lines.host_of(head.url), until=later + timedelta(minutes=5))
    with clock.frozen(later):
        sweep(now=later)
    work(later, queues=["media"])
    assert ends(request) == [OK] * 4


def test_head_that_is_given_up_leaves_nobody_behind(
    organization: Organization, host: ImageHost, settings: Settings
) -> None:
    settings.COMPRESSION_HOST_CONNECTIONS = 1
    request = spread_only(organization, *(host.address(f"ok/{number}.jpg") for number in range(4)))
    now = clock.now()
    (item,) = claim.claim("media", limit=5, now=now)
    images.ImageKind().prepare([item])
    # It died twice more before it came to the intent.
    WorkItem.objects.filter(id=item.id).update(crash_count=2, lease_until=now - timedelta(seconds=1))
    with clock.frozen(now):
        sweep(now=now)
    work(now, queues=["media"])
    assert ends(request) == [(ImageState.FAILED, "given_up"), OK, OK, OK]


def test_call_that_took_long_begins_no_further_image(
    organization: Organization, host: ImageHost, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.COMPRESSION_HOST_CONNECTIONS = 1
    monkeypatch.setattr(images, "CALL_SECONDS", 0.0)
    request = spread_only(organization, *(host.address(f"ok/{number}.jpg") for number in range(3)))
    now = clock.now()
    drain.run(claim.claim("media", limit=5, now=now), now=lambda: now)
    assert ends(request) == [OK, (ImageState.PENDING, ""), (ImageState.PENDING, "")]
    work(queues=["media"])
    assert ends(request) == [OK] * 3


def test_storage_that_fails_costs_a_try_and_no_image(
    organization: Organization, host: ImageHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    whole = files.fill

    def failing_once(place: files.Reserved, content: bytes, **kwargs: str) -> files.Filled:
        calls.append(place.path)
        if len(calls) == 1:
            raise OSError("the disk is full")
        return whole(place, content, **kwargs)

    monkeypatch.setattr(files, "fill", failing_once)
    request = hand_in(organization, host.address("ok/1.jpg"))
    work(queues=["media"])
    assert ends(request) == [OK]
    assert Image.objects.get(request=request).attempt_count == 2
