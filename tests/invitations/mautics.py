"""Adapters for the Mautic of the tests."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from invitations.providers.base import Token
from invitations.providers.mautic import MauticSource
from invitations.providers.mautic_client import MauticAccount
from tests.fakes.mautic import CLIENT_ID, CLIENT_SECRET, PASSWORD, USER, MauticFake

SAMPLES = Path(__file__).resolve().parents[2].parent / "shared" / "contracts" / "mautic" / "samples"
WANTED = ("firstname", "lastname", "invitation_link", "email", "photo")


def account(url: str, **changes: Any) -> MauticAccount:
    """Return the account that the fake knows."""
    fields: dict[str, Any] = {
        "base_url": url,
        "username": USER,
        "password": PASSWORD,
        "deadline": timedelta(seconds=5),
        "private_hosts": frozenset({url.removeprefix("http://").partition("/")[0]}),
    }
    return MauticAccount(**{**fields, **changes})


def oauth(url: str, token: Token | None = None, **changes: Any) -> MauticAccount:
    """Return the account as an OAuth 2 client."""
    own = {"auth": "oauth2", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "token": token}
    return account(url, username="", password="", **{**own, **changes})


def source(fake: MauticFake, **changes: Any) -> MauticSource:
    """Return an adapter for the fake's contacts."""
    fields = {"wanted": WANTED, "link_field": "invitation_link"}
    signed_in = changes.pop("account", None) or account(fake.url)
    return MauticSource(signed_in, **{**fields, **changes})


def everybody(adapter: Any, since: Any = None, *, most: int = 1000) -> list[Any]:
    """Return all people, page by page."""
    people, cursor = [], ""
    for _ in range(most):
        page = adapter.page(cursor, since)
        people += page.people
        cursor = page.next
        if not cursor:
            return people
    raise AssertionError("the pages do not end")
