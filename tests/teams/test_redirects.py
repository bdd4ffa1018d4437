"""Where `next` may lead: to a page of ours, never away."""

from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from teams.models import Organization, User
from tests import factories
from tests.teams.conftest import PASSWORD
from tests.teams.invited import ADDRESS, ask

pytestmark = pytest.mark.django_db

HOST = "testserver"

AWAY = [
    "https://evil.example",
    "http://evil.example/admin/",
    "HTTPS://EVIL.EXAMPLE",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\\/evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "http:\\\\evil.example",
    "https://testserver@evil.example",
    "https://testserver:80@evil.example/",
    "https://testserver.evil.example",
    "https://evil.example#testserver",
    "https://evil.example?testserver",
    "https://evil.example\\@testserver",
    "//evil.example@testserver:443@evil.example",
    " //evil.example",
    "\t//evil.example",
    "\n//evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r/evil.example",
    "\x00//evil.example",
    "\x1f//evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    " javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "mailto:x@evil.example",
    "ftp://testserver/",
    "file:///etc/passwd",
    "//evil。example",
    "https://еvil.example",
    "//[::1]/",
    "//0x7f000001/",
    "https://evil.example\u2028",
]


def leads_away(location: str) -> bool:
    """Read an address as browsers do: controls dropped, a backslash is a slash. Source: WHATWG URL §4.4."""
    cleaned = location.lstrip("".join(map(chr, range(33))))
    cleaned = "".join(each for each in cleaned if each not in "\t\r\n").replace("\\", "/")
    # Any number of slashes begins a host.
    if cleaned.startswith("//"):
        cleaned = "//" + cleaned.lstrip("/")
    parts = urlsplit(urljoin(f"http://{HOST}/accounts/", cleaned))
    return parts.scheme not in ("http", "https") or parts.hostname != HOST


@pytest.fixture
def user(organization: Organization) -> User:
    return factories.member(organization)


def test_reading_of_addresses_sees_what_leads_away() -> None:
    assert [each for each in AWAY if not leads_away(each)] == []
    assert not leads_away("/admin/?next=//evil.example")


@pytest.mark.parametrize("url", AWAY)
def test_sign_in_stays_here(client: Client, user: User, url: str) -> None:
    done = client.post("/accounts/login/", {"login": user.email, "password": PASSWORD, "next": url})

    assert done.status_code == 302
    assert not leads_away(done["Location"])


@pytest.mark.parametrize("url", AWAY)
def test_pages_for_who_is_signed_in_stay_here(client: Client, user: User, url: str) -> None:
    client.force_login(user, factories.SIGN_IN)

    answers: list[Any] = [
        client.get("/accounts/login/", {"next": url}),
        client.get("/admin/login/", {"next": url}),
        client.post(
            reverse("choose_organization"),
            {"organization": user.memberships.get().organization_id, "next": url},
        ),
        client.post("/accounts/reauthenticate/", {"password": PASSWORD, "next": url}),
        client.post("/accounts/logout/", {"next": url}),
    ]

    # An address that holds NUL is no address.
    assert {each.status_code for each in answers} <= ({302, 400} if "\x00" in url else {302})
    assert [each["Location"] for each in answers if leads_away(each.get("Location", ""))] == []


@pytest.mark.parametrize("url", AWAY[:12])
def test_invite_leads_to_the_console_alone(organization: Organization, client: Client, url: str) -> None:
    client.get(f"/accounts/invite/{ask(organization)}/", {"next": url})

    done = client.post(
        f"/accounts/invite/?next={url[:1]}",
        {"name": "Ada", "password": "a long enough secret", "next": url},
    )

    assert done["Location"] == "/admin/"
    assert User.objects.filter(email=ADDRESS).exists()


def test_page_of_ours_is_where_one_goes(client: Client, user: User) -> None:
    done = client.post(
        "/accounts/login/", {"login": user.email, "password": PASSWORD, "next": "/admin/teams/membership/"}
    )

    assert done["Location"] == "/admin/teams/membership/"
