"""The console's pages of connected accounts."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from teams.models import AccountState, ConnectedAccount, Organization
from teams.roles import Role
from tests import factories
from tests.fakes.google import GoogleFake
from tests.teams.connected import account, point_at

pytestmark = pytest.mark.django_db

PAGES = "/admin/teams/connectedaccount/"


@pytest.fixture
def google(settings: Any) -> Iterator[GoogleFake]:
    with GoogleFake() as fake:
        point_at(settings, fake)
        yield fake


@pytest.fixture
def browser(organization: Organization) -> Client:
    client = Client()
    client.force_login(factories.member(organization, Role.ADMIN), backend=factories.SIGN_IN)
    return client


def text_of(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def press(browser: Client, row: ConnectedAccount, button: str) -> Any:
    return browser.post(f"{PAGES}{row.pk}/do/{button}/")


def test_list_offers_what_can_be_connected_and_leads_to_google(google: GoogleFake, browser: Client) -> None:
    page = browser.get(PAGES)
    assert "Connect Google Drive" in text_of(page)
    assert "Connect Google Calendar" in text_of(page)
    directive = next(each for each in page["Content-Security-Policy"].split(";") if "form-action" in each)
    assert directive.split() == ["form-action", "'self'", google.url]

    sent = browser.post(f"{PAGES}connect/drive/")

    assert sent.status_code == 302
    assert sent["Location"].startswith(google.authorize_url)
    assert browser.get(f"{PAGES}connect/drive/").status_code == 405


def test_installation_that_is_not_registered_says_so_and_leads_nowhere(
    google: GoogleFake, browser: Client, settings: Any
) -> None:
    settings.GOOGLE_CLIENT_ID = ""
    page = browser.get(PAGES)
    assert "GOOGLE_CLIENT_ID" in text_of(page)
    assert google.url not in page["Content-Security-Policy"]
    sent = browser.post(f"{PAGES}connect/drive/", follow=True)
    assert "not registered at Google" in text_of(sent)


def test_sidebar_has_it_for_admins_alone(organization: Organization, browser: Client) -> None:
    assert PAGES in text_of(browser.get("/admin/"))
    editor = Client()
    editor.force_login(factories.member(organization, Role.EDITOR), backend=factories.SIGN_IN)
    assert PAGES not in text_of(editor.get("/admin/"))


def test_reconnect_asks_for_the_same_account(
    google: GoogleFake, browser: Client, organization: Organization
) -> None:
    row = account(organization, google, email="ada@example.com", state=AccountState.REVOKED, access_token="")
    assert "Reconnect" in text_of(browser.get(f"{PAGES}{row.pk}/change/"))
    sent = press(browser, row, "reconnect")
    assert dict(parse_qsl(urlsplit(sent["Location"]).query))["login_hint"] == "ada@example.com"


def test_check_and_disconnect(google: GoogleFake, browser: Client, organization: Organization) -> None:
    row = account(organization, google)
    assert "lets us in" in text_of(browser.get(press(browser, row, "ask_google")["Location"]))
    google.accounts.forget("1001")
    assert "does not accept" in text_of(browser.get(press(browser, row, "ask_google")["Location"]))

    other = account(organization, google, subject="1002")
    assert "is disconnected" in text_of(browser.get(press(browser, other, "disconnect")["Location"]))
    other.refresh_from_db()
    assert other.state == AccountState.REVOKED
    assert f"{other.pk}/do/disconnect/" not in text_of(browser.get(f"{PAGES}{other.pk}/change/"))


def test_service_account_is_added_by_its_file(
    google: GoogleFake, browser: Client, organization: Organization
) -> None:
    key = google.accounts.add_service_account()
    page = browser.get(f"{PAGES}add/")
    assert "no storage of its own" in text_of(page)
    assert 'enctype="multipart/form-data"' in text_of(page)

    fields = {"shared_drive_id": "https://drive.google.com/drive/folders/0Team", "folder_id": ""}
    form = {"key_file": SimpleUploadedFile("key.json", key.encode()), **fields}
    sent = browser.post(f"{PAGES}add/", form)

    assert sent.status_code == 302, sent.content
    row = ConnectedAccount.objects.get()
    assert (row.organization, row.shared_drive_id) == (organization, "0Team")
    shown = text_of(browser.get(f"{PAGES}{row.pk}/change/"))
    assert "0Team" in shown
    assert "PRIVATE KEY" not in shown
    assert "Reconnect" not in shown


@pytest.mark.parametrize(
    ("content", "drive", "words"),
    [
        (b"words", "0Team", "can’t be read"),
        (b"\xff\xfe\x00", "0Team", "can’t be read"),
        (b"x" * 30_000, "0Team", "too long"),
        (None, "", "no storage of its own"),
        (None, "a b", "as at the end of its address"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(
    google: GoogleFake, browser: Client, content: bytes | None, drive: str, words: str
) -> None:
    found = content if content is not None else google.accounts.add_service_account().encode()
    form = {"key_file": SimpleUploadedFile("key.json", found), "shared_drive_id": drive, "folder_id": ""}

    page = browser.post(f"{PAGES}add/", form)

    assert page.status_code == 200
    assert words in text_of(page)
    assert not ConnectedAccount.objects.exists()
