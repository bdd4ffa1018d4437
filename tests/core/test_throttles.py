"""The API's limit: each key, user and address has its own, and nobody talks their way past it."""

from collections.abc import Callable

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from teams.models import Organization
from tests import factories


@pytest.fixture(autouse=True)
def three_a_minute(settings: Settings) -> None:
    settings.API_RATE_LIMIT = "3/min"
    # What a shared cache counted, the next test would find.
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


def statuses(client: APIClient, path: str, **headers: str) -> list[int]:
    return [client.get(path, **headers).status_code for _ in range(5)]


def refreshed(address: str, forwarded: str = "") -> int:
    """Ask a route that needs no credentials."""
    headers = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    answer = APIClient().post("/auth/token/refresh", {}, format="json", REMOTE_ADDR=address, **headers)
    return answer.status_code


@pytest.mark.django_db
def test_key_beyond_its_limit_is_told_when_to_come_back(api: APIClient) -> None:
    assert statuses(api, "/bots/") == [200, 200, 200, 429, 429]

    answer = api.get("/bots/")
    assert (answer["Content-Type"], answer.json()["code"]) == ("application/problem+json", "rate_limited")
    assert 1 <= int(answer["Retry-After"]) <= 60


@pytest.mark.django_db
def test_each_key_has_a_limit_of_its_own(
    api_for: Callable[..., APIClient], organization: Organization
) -> None:
    first, second = api_for(organization), api_for(organization)

    assert statuses(first, "/bots/")[-1] == 429
    assert second.get("/bots/").status_code == 200


@pytest.mark.django_db
def test_users_limit_counts_over_all_routes(organization: Organization) -> None:
    client = APIClient()
    client.force_login(factories.member(organization), factories.SIGN_IN)

    paths = ["/bots/", "/contacts/", "/auth/me", "/bots/"]
    assert [client.get(path).status_code for path in paths] == [200, 200, 200, 429]


@pytest.mark.django_db
def test_caller_without_credentials_is_counted_by_address() -> None:
    assert [refreshed("198.51.100.7") for _ in range(4)] == [400, 400, 400, 429]
    assert refreshed("198.51.100.8") == 400


@pytest.mark.django_db
def test_header_that_the_client_made_up_gains_nothing() -> None:
    answers = [refreshed("198.51.100.7", forwarded=f"203.0.113.{number}") for number in range(50)]

    assert answers == [400] * 3 + [429] * 47


@pytest.mark.django_db
def test_header_behind_a_trusted_proxy_gains_nothing_either(settings: Settings) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1

    answers = [refreshed("10.0.0.1", forwarded=f"203.0.113.{number}, 198.51.100.7") for number in range(50)]

    assert answers == [400] * 3 + [429] * 47


@pytest.mark.django_db
def test_limit_that_is_switched_off_counts_nothing(api: APIClient, settings: Settings) -> None:
    settings.API_RATE_LIMIT = ""

    assert statuses(api, "/bots/") == [200] * 5


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/livez", "/whatsapp/webhook"])
def test_health_and_webhooks_know_no_limit(path: str) -> None:
    assert 429 not in statuses(APIClient(), path)
