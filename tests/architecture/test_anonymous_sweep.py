"""Without credentials, or with wrong ones, every route refuses: except those that are meant for everybody."""

import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any

import jwt
import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import Resolver404, URLPattern, URLResolver, get_resolver, resolve
from django.utils.regex_helper import normalize

from chatboost.core import clock
from chatboost.messaging.models import Channel
from teams.access import CONSOLE
from teams.models import ApiKey
from teams.roles import Role
from teams.services import api_keys
from tests import factories
from tests.architecture import operations
from tests.architecture.tenants import Tenants

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quiet"), pytest.mark.sweep]

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Not this machine: it may do a little more.
ELSEWHERE = "203.0.113.9"
SIGN_IN = "/accounts/login/"

UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

# Every route that answers somebody without credentials, by its pattern. api.md names the same. What is below
# /accounts/ is for signing in, and asks where it has to.
PUBLIC = {
    "^livez/?$": "GET",
    "^readyz/?$": "GET",
    "^auth/register/?$": "POST",
    "^auth/token/?$": "POST",
    "^auth/token/mfa/?$": "POST",
    "^auth/token/refresh/?$": "POST",
    "^auth/password/reset/?$": "POST",
    # By the state that Google sends along.
    "^oauth2callback/?$": "GET",
    "^team/invitations/(?P<token>[^/]+)/accept/?$": "POST",
    # Cards, by names that nobody can guess.
    f"^i/(?P<uuid>{UUID})/?$": "GET",
    f"^i/(?P<uuid>{UUID})/image/?$": "GET",
}
ACCOUNTS = "accounts/"

# A value for each open part of an address; the first that fits its pattern is taken.
VALUES = ["1", "city", "15550000001", "messaging", "google", "lead"]


def routes(both: Tenants) -> Iterator[tuple[str, str]]:
    """Yield the pattern and an address of every route; one that names a channel names one that is there."""
    channel: Any = both.a.row(Channel)

    def walk(patterns: list[Any], prefix: str) -> Iterator[tuple[str, URLPattern]]:
        for entry in patterns:
            if isinstance(entry, URLResolver):
                yield from walk(entry.url_patterns, f"{prefix}{entry.pattern}")
            else:
                yield f"{prefix}{entry.pattern}", entry

    for pattern, entry in walk(get_resolver().url_patterns, ""):
        address = _address(pattern, entry, [*VALUES, str(channel.uuid)])
        if address:
            yield pattern, address


def _address(pattern: str, entry: URLPattern, values: list[str]) -> str:
    """Return an address that leads to this route; none where an earlier one stands in its place."""
    written = pattern
    for name, converter in entry.pattern.converters.items():
        start = written.rindex("<", 0, written.index(f"{name}>"))
        end = written.index(">", start) + 1
        written = written[:start] + f"(?P<{name}>{converter.regex})" + written[end:]
    tried = [
        "/" + form % dict(zip(names, chosen, strict=True))
        for form, names in normalize(written)
        for chosen in product(values, repeat=len(names))
    ]
    found = [address for address in tried if _leads_to(address, entry)]
    if found or any(_leads_to(address, None) for address in tried):
        return next(iter(found), "")
    raise AssertionError(f"no value fits {pattern}: add one to VALUES")


def _leads_to(address: str, entry: URLPattern | None) -> bool:
    """Tell whether an address leads to a route; to any, without one."""
    try:
        found = resolve(address)
    except Resolver404:
        return False
    return (
        entry is None
        or found.func is entry.callback
        or getattr(found.func, "cls", 0) is getattr(entry.callback, "cls", 1)
    )


def _is_refused(response: Any) -> bool:
    """Tell whether an answer is 401 or 403, a method that nobody may use, or a way to where one is asked."""
    if response.status_code in (401, 403, 405):
        return True
    return response.status_code in (301, 302) and response["Location"].startswith((SIGN_IN, f"/{CONSOLE}"))


@pytest.fixture(autouse=True)
def _metrics_have_a_token(settings: Any) -> None:
    settings.METRICS_TOKEN = "of-the-scraper"


def test_only_public_routes_answer_without_credentials(both: Tenants) -> None:
    client = Client(REMOTE_ADDR=ELSEWHERE, raise_request_exception=False)
    answered: dict[str, set[str]] = {}
    for pattern, address in routes(both):
        if pattern.startswith(ACCOUNTS):
            continue
        for method in METHODS:
            response = client.generic(method, address, "{}", content_type="application/json")
            if not _is_refused(response):
                answered.setdefault(pattern, set()).add(method)
    assert {pattern: " ".join(sorted(found)) for pattern, found in answered.items()} == PUBLIC


def test_account_pages_show_nobodys_account(both: Tenants) -> None:
    client = Client(REMOTE_ADDR=ELSEWHERE, raise_request_exception=False)
    found = {}
    for pattern, address in routes(both):
        if pattern.startswith(ACCOUNTS):
            status = client.get(address).status_code
            if status not in (200, 301, 302, 401, 403, 404, 405):
                found[pattern] = status
    assert found == {}


@pytest.fixture
def wrong_credentials(both: Tenants) -> dict[str, str]:
    """Return what must open nothing, by what is wrong with it."""
    right = operations.token_of(both.b.owner)
    claims = jwt.decode(right, options={"verify_signature": False})
    past = int(time.time()) - 10
    inactive = factories.member(both.b.organization, Role.OWNER)
    of_inactive = operations.token_of(inactive)
    type(inactive).objects.filter(pk=inactive.pk).update(is_active=False)
    key, text = api_keys.create(organization=both.b.organization, name="old", role=Role.OWNER)
    api_keys.revoke(key)
    expired, of_expired = api_keys.create(organization=both.b.organization, name="past", role=Role.OWNER)
    ApiKey.objects.filter(pk=expired.pk).update(expires_at=clock.now() - timedelta(seconds=1))
    ours = django_settings.JWT_SIGNING_KEY
    return {
        "a wrong key": f"Api-Key cb_{'0' * 12}_{'x' * 43}",
        "a right prefix with a wrong secret": f"Api-Key {text.rpartition('_')[0]}_{'x' * 43}",
        "a revoked key": f"Api-Key {text}",
        "an expired key": f"Api-Key {of_expired}",
        "no token": "Bearer x",
        "an expired token": f"Bearer {jwt.encode({**claims, 'exp': past}, ours, 'HS256')}",
        "a token of another installation": f"Bearer {jwt.encode(claims, 'y' * 64, 'HS256')}",
        "a token that nobody signed": f"Bearer {jwt.encode(claims, None, 'none')}",
        "a token of somebody who is kept out": f"Bearer {of_inactive}",
        "another scheme": "Basic b3duZXI6cGFzcw==",
    }


def test_wrong_credentials_open_no_route(both: Tenants, wrong_credentials: dict[str, str]) -> None:
    opened = []
    private = [
        (pattern, address)
        for pattern, address in routes(both)
        if pattern not in PUBLIC and not pattern.startswith((ACCOUNTS, CONSOLE))
    ]
    for name, credentials in wrong_credentials.items():
        client = Client(REMOTE_ADDR=ELSEWHERE, raise_request_exception=False, HTTP_AUTHORIZATION=credentials)
        for pattern, address in private:
            # Credentials are read before anything else, also where a route serves no GET.
            response = client.get(address)
            if not _is_refused(response):
                opened.append(f"{name}: {pattern} answers {response.status_code}")
    assert opened == [], "\n".join(opened)


def test_right_credentials_open_what_wrong_ones_do_not(both: Tenants) -> None:
    """The claims above are those of a token that works."""
    assert operations.signed_in(both.b.owner).get("/auth/me").status_code == 200
