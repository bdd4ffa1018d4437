"""Photos: fetched from where contacts say, within limits, with problems that have names."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from pytest_django import Settings

from invitations.providers import photos
from invitations.providers.base import PhotoProblem
from tests.fakes.images import ImageHost, picture


@pytest.fixture
def host(settings: Settings) -> Iterator[ImageHost]:
    settings.INVITATION_PHOTO_DEADLINE = timedelta(seconds=1)
    with ImageHost(retry_after="90") as running:
        settings.FETCH_ALLOWED_PRIVATE_HOSTS = [running.authority]
        yield running


@pytest.mark.parametrize("path", ["ok/7.jpg", "redirect/3/ok/7.jpg"])
def test_photo_is_fetched(host: ImageHost, path: str) -> None:
    assert photos.fetch(f" {host.address(path)}\n") == picture(7)


@pytest.mark.parametrize(
    ("path", "code", "is_passing"),
    [
        ("missing/7.jpg", "not_found", False),
        ("forbidden/7.jpg", "access_refused", False),
        ("error/7.jpg", "server_error", True),
        ("large/7.jpg", "too_large", False),
        ("endless/7.jpg", "too_large", False),
        ("trickle/7.jpg", "no_answer", True),
        ("redirect/4/ok/7.jpg", "too_many_redirects", False),
        ("to?url=https://10.0.0.1/", "url_address_refused", False),
        ("to?url=file:///etc/passwd", "url_scheme_refused", False),
    ],
)
def test_photo_that_does_not_come_has_a_named_problem(
    host: ImageHost, path: str, code: str, is_passing: bool
) -> None:
    with pytest.raises(PhotoProblem) as caught:
        photos.fetch(host.address(path))

    assert (caught.value.code, caught.value.is_passing) == (code, is_passing)


def test_host_that_is_busy_says_for_how_long(host: ImageHost) -> None:
    with pytest.raises(PhotoProblem) as caught:
        photos.fetch(host.address("busy/7.jpg"))

    assert (caught.value.code, caught.value.pause) == ("rate_limited", timedelta(seconds=90))
