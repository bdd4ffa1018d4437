"""Limits: exactly so many get through, however many ask at once and whoever counts."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from chatboost.core import clock, limits
from chatboost.core.limits import Rate
from chatboost.core.models import RateCounter
from tests.core import racing
from tests.core.cache_server import CacheServer, cache_server
from tests.core.processes import needs_valkey

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LOCAL = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


@pytest.fixture
def no_shared_cache(settings: Settings) -> None:
    settings.CACHES = LOCAL


@pytest.fixture
def server(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CacheServer]:
    with cache_server(tmp_path_factory.mktemp("c")) as running:
        settings.CACHES = running.caches()
        yield running


COUNTERS = ["no_shared_cache", pytest.param("server", marks=needs_valkey)]


@pytest.fixture(params=COUNTERS)
def counter(request: pytest.FixtureRequest) -> str:
    """Count in the database, or in a shared cache."""
    request.getfixturevalue(request.param)
    return str(request.param)


def take(cost: int = 1, *, limit: int = 3) -> limits.Verdict:
    return limits.hit("caller", limit=limit, window=MINUTE, cost=cost)


@pytest.mark.django_db
@pytest.mark.usefixtures("counter")
def test_hits_up_to_the_limit_are_allowed_and_counted_down() -> None:
    verdicts = [take() for _ in range(5)]

    assert [(verdict.is_allowed, verdict.remaining) for verdict in verdicts] == [
        (True, 2),
        (True, 1),
        (True, 0),
        (False, 0),
        (False, 0),
    ]


@pytest.mark.django_db
@pytest.mark.usefixtures("counter")
def test_refused_hit_says_when_the_window_ends() -> None:
    take(3)

    assert timedelta(seconds=50) < take().retry_after <= MINUTE


@pytest.mark.django_db
@pytest.mark.usefixtures("counter")
def test_refused_hit_leaves_room_for_a_cheaper_one() -> None:
    assert [take(cost).is_allowed for cost in (2, 2, 4, 1, 1)] == [True, False, False, True, False]


@pytest.mark.django_db
@pytest.mark.usefixtures("counter")
def test_callers_are_counted_apart() -> None:
    take(3)

    other = limits.hit("other" * 100, limit=3, window=MINUTE)
    assert other.is_allowed


@pytest.mark.django_db
@pytest.mark.usefixtures("no_shared_cache")
def test_window_begins_at_the_first_hit_and_refusals_do_not_prolong_it() -> None:
    with clock.frozen(NOON):
        take(3)
    with clock.frozen(NOON + 0.9 * MINUTE):
        assert take().retry_after == 0.1 * MINUTE
    with clock.frozen(NOON + MINUTE):
        assert take() == limits.Verdict(True, timedelta(0), 2)


@pytest.mark.django_db
@needs_valkey
def test_window_in_the_shared_cache_ends_too(server: CacheServer) -> None:
    window = timedelta(milliseconds=50)
    assert limits.hit("brief", limit=1, window=window).is_allowed
    assert not limits.hit("brief", limit=1, window=MINUTE).is_allowed
    time.sleep(0.06)
    assert limits.hit("brief", limit=1, window=window).is_allowed


@pytest.mark.django_db
@needs_valkey
def test_hit_in_the_shared_cache_costs_no_query(server: CacheServer, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        take()


@pytest.mark.django_db
@needs_valkey
def test_limit_holds_when_the_shared_cache_dies(server: CacheServer) -> None:
    take(3)
    server.kill()
    started = time.monotonic()

    # What was counted is gone with the cache, but the counting goes on.
    assert [take().is_allowed for _ in range(5)] == [True, True, True, False, False]
    assert time.monotonic() - started < 2


@pytest.mark.django_db
@needs_valkey
def test_cache_that_hangs_delays_one_hit_and_no_more(server: CacheServer) -> None:
    take()
    server.freeze()
    started = time.monotonic()

    assert [take().is_allowed for _ in range(5)] == [True, True, True, False, False]
    assert time.monotonic() - started < 2.5


# Races


@pytest.fixture(params=racing.DATABASES)
def database(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    django_db_blocker: Any,
    no_shared_cache: None,
) -> Iterator[None]:
    if request.param == "postgresql":
        yield
        return
    with racing.sqlite_file(tmp_path, monkeypatch, django_db_blocker, [RateCounter]):
        yield


def race(tries: int, limit: int) -> Counter[bool]:
    answers = racing.in_threads([lambda: take(limit=limit).is_allowed] * tries, threads=50)
    return Counter(answers)


@pytest.mark.usefixtures("database")
def test_of_a_hundred_at_once_exactly_the_limit_is_allowed() -> None:
    assert race(100, 20) == {True: 20, False: 80}


@pytest.mark.proof
@pytest.mark.usefixtures("database")
def test_of_five_hundred_at_once_exactly_a_hundred_are_allowed() -> None:
    assert race(500, 100) == {True: 100, False: 400}


@pytest.mark.django_db
@needs_valkey
def test_of_five_hundred_at_once_the_shared_cache_allows_exactly_a_hundred(server: CacheServer) -> None:
    assert race(500, 100) == {True: 100, False: 400}


# Rates and addresses


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("", None),
        ("5/s", Rate(5, timedelta(seconds=1))),
        ("1200/min", Rate(1200, MINUTE)),
        ("10/h", Rate(10, timedelta(hours=1))),
        ("1/day", Rate(1, timedelta(days=1))),
    ],
)
def test_rate_is_read(text: str, rate: Rate | None) -> None:
    assert limits.parse_rate(text) == rate


@pytest.mark.parametrize("text", ["many", "5", "5/", "/min", "-5/min", "5/fortnight", "5.5/min"])
def test_rate_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="1200/min"):
        limits.parse_rate(text)


ADDRESSES: list[tuple[int, str, str, str]] = [
    (0, "198.51.100.7", "", "198.51.100.7"),
    (0, "198.51.100.7", "203.0.113.9", "198.51.100.7"),
    (1, "198.51.100.7", "203.0.113.9", "203.0.113.9"),
    (1, "198.51.100.7", "192.0.2.1, 203.0.113.9", "203.0.113.9"),
    (2, "198.51.100.7", "192.0.2.1, 203.0.113.9, 198.51.100.8", "203.0.113.9"),
    # It came past the outer proxy, so nothing in the header is ours.
    (2, "198.51.100.7", "192.0.2.1", "198.51.100.7"),
    (1, "198.51.100.7", "", "198.51.100.7"),
    (1, "198.51.100.7", "made up", "unknown"),
    (0, "2001:db8:1:2:3::9", "", "2001:db8:1:2::/64"),
    (0, "::ffff:198.51.100.7", "", "198.51.100.7"),
    (0, "", "", "unknown"),
]


@pytest.mark.parametrize(("trusted", "peer", "forwarded", "address"), ADDRESSES)
def test_address_is_the_one_that_our_outermost_proxy_saw(
    settings: Settings, trusted: int, peer: str, forwarded: str, address: str
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = trusted
    headers = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}

    request = RequestFactory().get("/", REMOTE_ADDR=peer, **headers)

    assert limits.client_address(request) == address
