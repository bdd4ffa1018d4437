"""The cache while Redis is away: nobody fails, nobody waits, nothing that ended comes back."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from chatboost.core import cache as core_cache
from tests import factories
from tests.core.cache_server import CacheServer, cache_server
from tests.core.processes import needs_valkey, wait_until

pytestmark = needs_valkey

PASSWORD = "correct horse battery"


@pytest.fixture
def server(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CacheServer]:
    monkeypatch.setattr(core_cache, "PAUSE", core_cache.PAUSE / 30)
    with cache_server(tmp_path_factory.mktemp("c")) as running:
        settings.CACHES = running.caches()
        yield running


def is_back() -> bool:
    cache.set("back", 1)
    return cache.get("back") == 1


def test_cache_keeps_what_it_is_given(server: CacheServer) -> None:
    cache.set("a", {"b": [1, 2]})
    cache.set_many({"c": 1, "d": 2})

    assert cache.get_many(["a", "c", "d", "e"]) == {"a": {"b": [1, 2]}, "c": 1, "d": 2}
    assert (cache.add("c", 9), cache.add("f", 9), cache.incr("c"), cache.has_key("d")) == (
        False,
        True,
        2,
        True,
    )
    assert (cache.touch("d", 60), cache.delete("d"), cache.get("d", "none")) == (True, True, "none")
    cache.delete_many(["a", "c"])
    cache.clear()
    assert cache.get("f") is None


def test_cache_that_is_away_reads_as_empty_and_writes_nothing(server: CacheServer) -> None:
    cache.set("a", 1)
    server.kill()

    assert (cache.get("a"), cache.get("a", "none"), cache.get_many(["a"])) == (None, "none", {})
    assert (cache.has_key("a"), cache.add("a", 2), cache.touch("a"), cache.delete("a")) == (False,) * 4
    cache.set("a", 2)
    assert cache.set_many({"a": 2}) == []
    cache.delete_many(["a"])
    cache.clear()
    with pytest.raises(ValueError, match="not found"):
        cache.incr("a")


def test_cache_that_is_back_is_used_again(server: CacheServer) -> None:
    server.kill()
    assert cache.get("a") is None
    server.start()

    wait_until(is_back, 5)


def test_connection_from_before_a_restart_is_no_outage(server: CacheServer) -> None:
    cache.set("a", 1)
    server.kill()
    server.start()
    cache.set("a", 2)

    assert cache.get("a") == 2


def test_what_was_removed_during_an_outage_does_not_come_back(server: CacheServer) -> None:
    cache.set_many({"session": "signed in", "other": "old", "kept": "yes"})
    server.freeze()
    cache.delete("session")
    cache.set("other", "new")
    server.thaw()
    wait_until(is_back, 5)

    assert cache.get_many(["session", "other", "kept"]) == {"kept": "yes"}


def test_cache_that_hangs_costs_its_callers_one_timeout(
    server: CacheServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_cache, "PAUSE", core_cache.PAUSE * 30)
    cache.set("a", 1)
    server.freeze()
    started = time.monotonic()
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda number: cache.get("a"), range(80)))

    assert set(answers) == {None}
    assert time.monotonic() - started < 2 * core_cache.SOCKET_TIMEOUT.total_seconds()


def test_counters_of_sign_in_go_on_in_this_process(server: CacheServer) -> None:
    server.kill()

    assert (cache.add("allauth:rl:a:lock", 1), cache.add("allauth:rl:a:lock", 1)) == (True, False)
    cache.set("allauth:rl:a", [1.5], 60)
    assert cache.get("allauth:rl:a") == [1.5]
    assert cache.delete("allauth:rl:a:lock")
    assert cache.add("allauth:rl:a:lock", 1)


@pytest.mark.django_db
def test_person_signs_in_and_reads_pages_while_the_cache_is_away(server: CacheServer) -> None:
    owner = factories.user()
    factories.organization(owner=owner)
    server.kill()
    client = Client()

    signed_in = client.post("/accounts/login/", {"login": owner.email, "password": PASSWORD})

    assert (signed_in.status_code, client.get("/admin/").status_code) == (302, 200)


@pytest.mark.django_db
def test_code_of_the_second_step_works_once_while_the_cache_is_away(server: CacheServer) -> None:
    owner = factories.user()
    factories.organization(owner=owner)
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(owner, secret)
    server.kill()

    def signs_in() -> bool:
        client = Client()
        client.post("/accounts/login/", {"login": owner.email, "password": PASSWORD})
        client.post(reverse("mfa_authenticate"), {"code": code})
        return "_auth_user_id" in client.session

    code = totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30))
    assert [signs_in(), signs_in()] == [True, False]


@pytest.mark.django_db
def test_guessing_passwords_is_still_stopped_while_the_cache_is_away(server: CacheServer) -> None:
    owner = factories.user()
    server.kill()
    body = {"username": owner.email, "password": "wrong"}

    answers = [
        Client().post("/auth/token", body, content_type="application/json").status_code for _ in range(12)
    ]

    assert answers[0] == 401
    assert answers[-1] == 429
