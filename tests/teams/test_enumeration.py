"""Known and unknown addresses get the same answers, at the same cost."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.cache import cache
from django.test import Client
from rest_framework.test import APIClient

from chatboost.core.models import Mail
from teams.models import Organization
from teams.roles import Role
from tests import factories
from tests.teams.conftest import PASSWORD
from tests.teams.invited import ask

pytestmark = pytest.mark.django_db

KNOWN, UNKNOWN, INACTIVE, NO_PASSWORD = (
    f"{name}@example.com" for name in ("known", "unknown", "inactive", "google-only")
)
EVERYBODY = [KNOWN, UNKNOWN, INACTIVE, NO_PASSWORD]

hashed: Counter[str] = Counter()


class CountingHasher(MD5PasswordHasher):
    """Counts what takes time: with the real hasher one computation is some 50 ms, all else together 5."""

    algorithm = "counting"

    def encode(self, password: str, salt: str) -> str:
        hashed["times"] += 1
        return super().encode(password, salt)

    def harden_runtime(self, password: str, encoded: str) -> None:
        return None


@pytest.fixture(autouse=True)
def people(db: None, settings: Any) -> Iterator[None]:
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    factories.organization(owner=factories.user(email=KNOWN))
    factories.user(email=INACTIVE, is_active=False)
    person = factories.user(email=NO_PASSWORD)
    person.set_unusable_password()
    person.save()
    yield
    hashed.clear()


def cost(call: Any) -> int:
    hashed.clear()
    call()
    return hashed["times"]


def shape(answer: Any) -> tuple[Any, ...]:
    """Return what somebody could tell two answers apart by."""
    told = {"Content-Type", "WWW-Authenticate", "Retry-After", "Location", "Cache-Control", "Allow"}
    headers = {name: value for name, value in answer.headers.items() if name in told}
    body = answer.content
    if answer.headers.get("Content-Type", "").startswith("application/"):
        body = {name: value for name, value in answer.json().items() if name != "request_id"}
    return answer.status_code, headers, body, sorted(answer.cookies)


def sign_in(email: str) -> Any:
    return APIClient().post("/auth/token", {"email": email, "password": "wrong"}, format="json")


def reset(email: str) -> Any:
    return APIClient().post("/auth/password/reset", {"email": email}, format="json")


@pytest.mark.parametrize("call", [sign_in, reset])
def test_api_answers_everybody_the_same(call: Any) -> None:
    answers = []
    for email in EVERYBODY:
        cache.clear()
        answers.append(shape(call(email)))

    assert answers == [answers[0]] * len(EVERYBODY)


@pytest.mark.parametrize("call", [sign_in, reset])
def test_api_computes_as_many_hashes_for_everybody(call: Any) -> None:
    costs = []
    for email in EVERYBODY:
        cache.clear()
        costs.append(cost(lambda email=email: call(email)))

    assert costs == [costs[0]] * len(EVERYBODY)


def test_hashes_are_what_is_counted() -> None:
    """The test above would see a sign-in that answers strangers without hashing."""
    assert cost(lambda: sign_in(UNKNOWN)) == 1
    assert cost(lambda: reset(UNKNOWN)) == 0


def _page(url: str, field: str, email: str, **more: str) -> Any:
    client = Client()
    client.get(url)
    return client.post(url, {field: email, **more})


def test_pages_answer_everybody_the_same() -> None:
    for url, field, more in (
        ("/accounts/login/", "login", {"password": "wrong"}),
        ("/accounts/password/reset/", "email", {}),
    ):
        seen = set()
        for email in EVERYBODY:
            cache.clear()
            answer = _page(url, field, email, **more)
            words = answer.content.decode().replace(email, "").split("csrfmiddlewaretoken")
            seen.add((answer.status_code, answer.headers.get("Location"), len(words), words[0]))
        assert len(seen) == 1, url


def test_lock_out_comes_to_strangers_too() -> None:
    for email in (KNOWN, UNKNOWN):
        cache.clear()
        assert [sign_in(email).status_code for _ in range(6)] == [401] * 5 + [429]


def test_reset_writes_a_mail_to_whoever_is_named() -> None:
    for email in EVERYBODY[:2]:
        reset(email)

    assert sorted(Mail.objects.values_list("to", flat=True)) == [KNOWN, UNKNOWN]


def test_right_password_alone_says_that_an_account_is_inactive() -> None:
    right = {"email": INACTIVE, "password": PASSWORD}

    assert sign_in(INACTIVE).json()["code"] == "invalid_credentials"
    assert APIClient().post("/auth/token", right, format="json").json()["code"] == "account_inactive"


def test_wrong_link_of_an_invite_says_nothing_about_anybody(organization: Organization) -> None:
    ask(organization, email=KNOWN, role=Role.VIEWER)
    ask(organization, email=UNKNOWN)

    answers = [
        shape(APIClient().post(f"/team/invitations/{'x' * 43}/accept", body, format="json"))
        for body in ({"password": "a long enough secret"}, {})
    ]

    assert answers[0] == answers[1]


def test_closed_registration_says_nothing_about_any_address(settings: Any) -> None:
    settings.REGISTRATION_OPEN = False

    answers = [
        shape(
            APIClient().post(
                "/auth/register", {"email": email, "password": "a long enough secret"}, format="json"
            )
        )
        for email in (KNOWN, UNKNOWN)
    ]

    assert answers[0] == answers[1]
