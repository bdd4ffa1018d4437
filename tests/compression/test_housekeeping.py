"""Requests are kept as long as their organization says; images go before them, files have their own end."""

from datetime import timedelta

import pytest

from chatboost.core import clock, files, live, preferences
from chatboost.core.models import File
from chatboost.core.ticks import registered
from compression.models import CompressionRequest, HostPause, Image, Product
from compression.preferences import CompressionSettings
from teams.models import Organization, User
from tests import factories
from tests.compression.batches import again, hand_in, work
from tests.fakes.images import ImageHost

pytestmark = pytest.mark.django_db

TICKS = [
    f"retention: {name}" for name in ("compression images", "compression products", "compression requests")
]


def tidy(days: float) -> None:
    for name in TICKS:
        while registered()[name].run(clock.now() + timedelta(days=days)):
            pass


def test_requests_go_with_their_images_when_their_time_is_up(
    organization: Organization, other_organization: Organization, host: ImageHost
) -> None:
    preferences.change(
        organization_id=other_organization.pk, type=CompressionSettings, actor=None, requests_kept_days=10
    )
    for each in (organization, other_organization):
        hand_in(each, [host.address("ok/1.jpg")] * 2)
    work(queues=["media"])
    tidy(11)
    assert [row.organization for row in CompressionRequest.objects.all()] == [organization]
    assert (Product.objects.count(), Image.objects.count()) == (1, 2)
    tidy(91)
    assert not CompressionRequest.objects.exists()
    assert not Image.objects.exists()


def test_request_that_has_not_ended_stays(organization: Organization) -> None:
    hand_in(organization, "https://example.com/a.jpg")
    tidy(1000)
    assert CompressionRequest.objects.exists()


def test_pause_of_a_host_goes_when_it_is_over() -> None:
    HostPause.objects.create(host="a.example", until=clock.now())
    registered()["retention: host pauses"].run(clock.now() + timedelta(seconds=1))
    assert not HostPause.objects.exists()


def test_files_expire_with_their_request_and_inputs_before(
    organization: Organization, host: ImageHost
) -> None:
    request = hand_in(organization, host.address("ok/1.jpg"))
    work(queues=["media"])
    image = Image.objects.get(request=request)
    for days, kept in ((8, {image.file_uuid}), (31, set())):
        for file in files.expired(clock.now() + timedelta(days=days)):
            files.delete(file)
        assert {
            uuid for uuid in (image.file_uuid, image.original_uuid) if _is_there(uuid, organization)
        } == kept
    assert again(request).done_count == 1


def test_topic_is_followed_within_the_organization(
    organization: Organization, other_organization: Organization
) -> None:
    topic = f"compression_request:{hand_in(organization, 'https://example.com/a.jpg').pk}"
    member: User = factories.member(organization)
    stranger: User = factories.member(other_organization)
    assert live.may_follow(topic, user=member, organization=organization)
    assert not live.may_follow(topic, user=stranger, organization=other_organization)


def _is_there(uuid: object, organization: Organization) -> bool:
    return File.objects.for_organization(organization).filter(uuid=uuid).exists()
