"""Downloads: what came, or why nothing did."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from chatboost.core.http import downloads
from chatboost.core.http.response import Head
from tests.fakes.images import ImageHost, picture


@pytest.fixture
def host() -> Iterator[ImageHost]:
    with ImageHost(retry_after="7200") as running:
        yield running


def fetch(host: ImageHost, path: str) -> downloads.Fetched | downloads.Failure:
    return downloads.fetch(
        host.address(path),
        deadline=timedelta(seconds=1),
        max_bytes=2 * 2**20,
        allowed_private_hosts=[host.authority],
    )


def test_file_is_fetched_through_redirects(host: ImageHost) -> None:
    assert fetch(host, "redirect/3/ok/7.jpg") == downloads.Fetched(picture(7))


@pytest.mark.parametrize(
    ("path", "code", "is_passing"),
    [
        ("missing/7.jpg", "not_found", False),
        ("forbidden/7.jpg", "access_refused", False),
        ("error/7.jpg", "server_error", True),
        ("empty/7.jpg", "empty", False),
        ("large/7.jpg", "too_large", False),
        ("endless/7.jpg", "too_large", False),
        ("slow/7.jpg", "no_answer", True),
        ("trickle/7.jpg", "no_answer", True),
        ("reset/7.jpg", "no_answer", True),
        ("redirect/4/ok/7.jpg", "too_many_redirects", False),
        ("to?url=http://10.0.0.1/", "url_address_refused", False),
    ],
)
def test_failure_has_a_name_and_says_whether_it_passes(
    host: ImageHost, path: str, code: str, is_passing: bool
) -> None:
    found = fetch(host, path)

    assert isinstance(found, downloads.Failure)
    assert (found.code, found.is_passing) == (code, is_passing)
    assert found.message.endswith((".", ")"))


def test_busy_host_is_left_alone_for_an_hour_at_most(host: ImageHost) -> None:
    found = fetch(host, "busy/7.jpg")

    assert isinstance(found, downloads.Failure)
    assert (found.code, found.pause) == ("rate_limited", timedelta(hours=1))


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), (" 7 ", 7), ("99999", 3600), ("soon", None), ("", None)]
)
def test_pause_is_read_and_cut(text: str, seconds: int | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)

    assert downloads.pause_of(Head(429, {"retry-after": text})) == expected
