"""Content security policies: what each kind of answer may load and run."""

import pytest
from django.test import Client
from rest_framework.test import APIClient

from chatboost.core import files
from teams.models import Organization
from teams.roles import Role
from tests import factories

pytestmark = pytest.mark.django_db

HEADER = "Content-Security-Policy"


def policy(value: str) -> dict[str, set[str]]:
    """Return a header's directives with their sources."""
    found = (part.split() for part in value.split(";"))
    return {name: set(sources) for name, *sources in found}


@pytest.fixture
def browser(organization: Organization) -> Client:
    client = Client()
    client.force_login(factories.member(organization, Role.OWNER), backend=factories.SIGN_IN)
    return client


def test_console_runs_only_our_own_scripts(browser: Client) -> None:
    told = policy(browser.get("/admin/")[HEADER])
    # Alpine builds functions from attributes; no page has a script in its own text.
    assert told["script-src"] == {"'self'", "'unsafe-eval'"}
    assert told["object-src"] == told["frame-ancestors"] == {"'none'"}
    assert told["base-uri"] == told["form-action"] == told["default-src"] == {"'self'"}
    assert told["img-src"] == {"'self'", "data:", "blob:"}


@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/signup/", "/admin/no/such/page/"])
def test_other_pages_build_no_functions(path: str, browser: Client) -> None:
    answer = Client().get(path) if path.startswith("/accounts") else browser.get(path)
    assert policy(answer[HEADER])["script-src"] == {"'self'"}


@pytest.mark.parametrize("path", ["/admin/", "/accounts/login/", "/docs", "/redoc"])
def test_pages_name_no_other_host(path: str, browser: Client) -> None:
    sources = {source for found in policy(browser.get(path)[HEADER]).values() for source in found}
    assert sources <= {"'self'", "'none'", "'unsafe-eval'", "'unsafe-inline'", "data:", "blob:"}


@pytest.mark.parametrize("path", ["/contacts", "/contacts/999999", "/no/such/route", "/livez", "/schema"])
def test_answers_for_programs_load_nothing(path: str, api: APIClient) -> None:
    told = policy(api.get(path)[HEADER])
    assert set.union(*told.values()) == {"'none'"}
    assert {"default-src", "base-uri", "form-action", "frame-ancestors"} <= told.keys()


def test_answer_without_credentials_has_the_strict_policy() -> None:
    assert policy(Client().get("/contacts")[HEADER])["default-src"] == {"'none'"}


def test_file_keeps_its_own_stricter_policy(browser: Client, organization: Organization) -> None:
    file = files.write(
        organization_id=organization.pk,
        purpose="test",
        permission="core.view_file",
        name="x.html",
        content_type="text/html",
        chunks=[b"<script>alert(1)</script>"],
        expires_in=None,
    )
    assert browser.get(f"/files/{file.uuid}")[HEADER].startswith("sandbox")


@pytest.mark.parametrize("page", ["/admin/", "/accounts/login/"])
def test_pages_hold_no_script_that_the_policy_forbids(
    page: str, browser: Client, organization: Organization
) -> None:
    text = (browser if page == "/admin/" else Client()).get(page).content.decode()
    scripts = [part.split(">", 1) for part in text.split("<script")[1:]]
    inline = [words for words in scripts if "src=" not in words[0] and "json" not in words[0]]
    assert inline == []
    assert " onclick=" not in text
