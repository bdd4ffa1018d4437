"""Connecting a Google account, as a person does: there, consent, and back."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.fakes.google import GoogleFake
from tests.rig import Rig

pytestmark = pytest.mark.browser

LIST = "/admin/teams/connectedaccount/"


@pytest.fixture
def traveller(
    chromium: Browser, server: Rig, sign_in: Callable[[BrowserContext], Page]
) -> Iterator[tuple[Page, list[str]]]:
    """Return a page that may leave for Google, and what its browser complains about."""
    opened = chromium.new_context(base_url=server.url, viewport={"width": 1280, "height": 800})
    page = sign_in(opened)
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    yield page, troubles
    opened.close()


def test_drive_is_connected_and_disconnected(
    traveller: tuple[Page, list[str]], google: GoogleFake, server: Rig
) -> None:
    page, troubles = traveller
    page.goto(LIST)
    page.get_by_role("button", name="Connect Google Drive").click()
    page.wait_for_url(f"**{LIST}")
    expect(page.get_by_text("Google Drive is connected: ada@example.com.")).to_be_visible()
    assert google.accounts.asked[-1]["redirect_uri"] == f"{server.url}/oauth2callback"

    page.get_by_role("link", name="ada@example.com").first.click()
    page.get_by_role("button", name="Reconnect").click()
    page.wait_for_url(f"**{LIST}")
    assert google.accounts.asked[-1]["login_hint"] == "ada@example.com"

    page.get_by_role("link", name="ada@example.com").first.click()
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("Google lets us in.")).to_be_visible()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_text("The account is disconnected.")).to_be_visible()
    assert troubles == []


def test_person_who_says_no_reads_why_and_finds_back(
    traveller: tuple[Page, list[str]], google: GoogleFake
) -> None:
    page, _ = traveller
    person, google.accounts.person = google.accounts.person, None
    page.goto("/authorize?purpose=drive")
    expect(page.get_by_text("Google was told not to let us in.")).to_be_visible()
    page.get_by_role("link", name="Back to Connections").click()
    page.wait_for_url(f"**{LIST}")
    google.accounts.person = person
