"""Other sites' pages: only those that were named may read the API's answers, and never by cookie."""

from collections.abc import Mapping

import pytest
from django.test import Client
from pytest_django import Settings

SHOP, STRANGER = "https://shop.example.com", "https://evil.example.com"


@pytest.fixture
def shop_is_named(settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = [SHOP]


def preflight(path: str, origin: str = SHOP) -> Mapping[str, str]:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type, idempotency-key, x-organization",
    }
    return Client().options(path, headers=headers).headers


def test_nobody_is_named_by_default() -> None:
    assert "Access-Control-Allow-Origin" not in preflight("/bots/")


@pytest.mark.usefixtures("shop_is_named")
def test_named_site_may_ask_with_a_key() -> None:
    answer = preflight("/bots/")

    assert answer["Access-Control-Allow-Origin"] == SHOP
    wanted = {"authorization", "content-type", "idempotency-key", "x-organization"}
    assert wanted <= set(answer["Access-Control-Allow-Headers"].split(", "))
    assert "POST" in answer["Access-Control-Allow-Methods"]


@pytest.mark.usefixtures("shop_is_named")
@pytest.mark.parametrize(
    "origin", [STRANGER, "null", f"{SHOP}.evil.example.com", SHOP.replace("https", "http")]
)
def test_site_that_nobody_named_may_not(origin: str) -> None:
    assert "Access-Control-Allow-Origin" not in preflight("/bots/", origin)


@pytest.mark.usefixtures("shop_is_named")
@pytest.mark.parametrize("path", ["/admin/", "/admin", "/accounts/login/", "/static/x.js"])
def test_pages_for_people_are_nobody_elses(path: str) -> None:
    assert "Access-Control-Allow-Origin" not in preflight(path)


@pytest.mark.django_db
@pytest.mark.parametrize("origins", [{"CORS_ALLOWED_ORIGINS": [SHOP]}, {"CORS_ALLOW_ALL_ORIGINS": True}])
def test_cookie_never_counts_for_another_site(settings: Settings, origins: dict[str, object]) -> None:
    for name, value in origins.items():
        setattr(settings, name, value)

    answer = Client().get("/bots/", headers={"Origin": SHOP})

    assert answer["Access-Control-Allow-Origin"] in (SHOP, "*")
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.django_db
@pytest.mark.usefixtures("shop_is_named")
@pytest.mark.parametrize("path", ["/bots/", "/no/such/path", "/bots/?search=%00"])
def test_problem_can_be_read_too(path: str) -> None:
    answer = Client().get(path, headers={"Origin": SHOP})

    assert answer.status_code >= 400
    assert answer["Access-Control-Allow-Origin"] == SHOP
    shown = set(answer["Access-Control-Expose-Headers"].split(", "))
    assert {"Retry-After", "Idempotent-Replayed", "X-Request-ID"} <= shown
