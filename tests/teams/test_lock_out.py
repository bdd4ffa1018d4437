"""Guessing is stopped, and nobody can keep a person out for ever."""

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from rest_framework.test import APIClient

from teams.models import User
from tests import factories
from tests.teams.conftest import PASSWORD

pytestmark = pytest.mark.django_db

HOME, ELSEWHERE = "192.0.2.10", "198.51.100.7"


@pytest.fixture
def user(db: None) -> User:
    person = factories.user()
    factories.organization(owner=person)
    return person


def try_in(user: User, password: str, address: str, **headers: Any) -> int:
    answer = APIClient().post(
        "/auth/token",
        {"email": user.email, "password": password},
        format="json",
        REMOTE_ADDR=address,
        **headers,
    )
    return int(answer.status_code)


def guess_from(user: User, network: str, count: int) -> list[int]:
    """Guess once from each of many addresses."""
    return [try_in(user, "wrong", f"{network}.{number}") for number in range(count)]


def test_who_guesses_from_elsewhere_shuts_out_only_themselves(user: User) -> None:
    guesses = [try_in(user, "wrong", ELSEWHERE) for _ in range(6)]

    assert guesses == [401] * 5 + [429]
    assert try_in(user, PASSWORD, ELSEWHERE) == 429
    assert try_in(user, PASSWORD, HOME) == 200


def test_guesses_from_everywhere_are_limited_for_an_account(user: User) -> None:
    guesses = guess_from(user, "198.51.100", 60)

    assert guesses == [401] * 50 + [429] * 10


def test_person_gets_in_from_where_they_were_while_everybody_guesses(user: User) -> None:
    assert try_in(user, PASSWORD, HOME) == 200
    guess_from(user, "198.51.100", 60)

    assert try_in(user, PASSWORD, ELSEWHERE) == 429
    assert try_in(user, PASSWORD, HOME) == 200


def test_right_passwords_use_nothing_up(user: User) -> None:
    assert [try_in(user, PASSWORD, f"198.51.100.{number}") for number in range(60)] == [200] * 60


def test_lock_ends_by_itself(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    for _ in range(5):
        try_in(user, "wrong", HOME)
    assert try_in(user, PASSWORD, HOME) == 429

    later = time.time() + 301
    monkeypatch.setattr(time, "time", lambda: later)
    assert try_in(user, PASSWORD, HOME) == 200


def test_address_is_limited_over_all_accounts() -> None:
    people = [factories.user() for _ in range(12)]

    assert [try_in(each, "wrong", HOME) for each in people] == [401] * 10 + [429] * 2


def test_address_that_the_client_writes_itself_counts_for_nothing(user: User) -> None:
    guesses = [
        try_in(user, "wrong", ELSEWHERE, HTTP_X_FORWARDED_FOR=f"203.0.113.{number}") for number in range(6)
    ]

    assert guesses[-1] == 429


def test_pages_and_api_count_together(user: User) -> None:
    for _ in range(5):
        Client(REMOTE_ADDR=ELSEWHERE).post("/accounts/login/", {"login": user.email, "password": "wrong"})

    assert try_in(user, PASSWORD, ELSEWHERE) == 429


def test_codes_of_the_second_step_are_not_guessed(user: User) -> None:
    from allauth.mfa.totp.internal import auth as totp

    totp.TOTP.activate(user, totp.generate_totp_secret())
    first = APIClient().post("/auth/token", {"email": user.email, "password": PASSWORD}, format="json")
    step = {"mfa_token": first.json()["mfa_token"], "code": "000000"}

    statuses = [APIClient().post("/auth/token/mfa", step, format="json").status_code for _ in range(12)]

    assert 429 in statuses
    assert set(statuses) <= {401, 429}
    cache.clear()
