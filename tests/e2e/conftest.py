"""One installation with the demo, and a Chromium, for all browser tests."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests import rig
from tests.fakes.google import GoogleFake
from tests.fakes.images import ImageHost

CHROMIUM = "/usr/bin/chromium"
# No updates, no reports: the browser may talk to our server only.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def image_host() -> Iterator[ImageHost]:
    """Run somebody's shop, whose images the installation may fetch."""
    with ImageHost(size=(640, 480)) as running:
        yield running


@pytest.fixture(scope="session")
def google() -> Iterator[GoogleFake]:
    """Run Google, which the installation is registered at."""
    with GoogleFake() as running:
        yield running


@pytest.fixture(scope="session")
def server(
    tmp_path_factory: pytest.TempPathFactory, image_host: ImageHost, google: GoogleFake
) -> Iterator[rig.Rig]:
    """Run web and pump in one process on a database of its own."""
    folder: Path = tmp_path_factory.mktemp("e2e")
    database = f"sqlite:///{folder / 'db.sqlite3'}"
    opened = {"FETCH_ALLOWED_PRIVATE_HOSTS": image_host.authority, **google.settings}
    with rig.installation(folder, database, CHATBOOST_EMBEDDED_PUMP="1", **opened) as running:
        running.run("django", "seed_demo")
        running.start_web()
        running.await_web()
        yield running


@pytest.fixture(scope="session")
def demo(server: rig.Rig) -> dict[str, Any]:
    """Return the demo's sign-in and ids."""
    found: dict[str, Any] = json.loads(server.run("django", "demo_info", "--json"))
    return found


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser, server: rig.Rig) -> Iterator[BrowserContext]:
    """Return a fresh browser profile; whatever leaves our host, or goes wrong in a page, fails the test."""
    opened = chromium.new_context(base_url=server.url, viewport={"width": 1280, "height": 800})
    troubles: list[str] = []
    opened.on("request", lambda request: _note_foreign(request.url, server.url, troubles))
    opened.on("weberror", lambda error: troubles.append(str(error.error)))
    yield opened
    opened.close()
    assert troubles == []


@pytest.fixture(scope="session")
def cookies() -> list[Any]:
    """Return the owner's cookies from their last sign-in; every test would else wait for another one."""
    return []


@pytest.fixture
def sign_in(demo: dict[str, Any], cookies: list[Any]) -> Callable[[BrowserContext], Page]:
    """Return a function that opens a page of the demo's owner, signed in through the account pages."""

    def enter(context: BrowserContext) -> Page:
        context.add_cookies(cookies)
        page = context.new_page()
        page.goto("/admin/")
        if page.locator("input[name=login]").count():
            page.fill("input[name=login]", demo["email"])
            page.fill("input[name=password]", demo["password"])
            page.press("input[name=password]", "Enter")
            page.wait_for_url("**/admin/")
            cookies[:] = context.cookies()
        return page

    return enter


@pytest.fixture
def page(context: BrowserContext, sign_in: Callable[[BrowserContext], Page]) -> Page:
    """Return a page of the signed-in owner."""
    return sign_in(context)


def is_foreign(url: str, own: str) -> bool:
    """Tell whether a request leaves our host."""
    return not url.startswith((own, own.replace("http", "ws", 1), "data:", "blob:"))


def _note_foreign(url: str, own: str, troubles: list[str]) -> None:
    if is_foreign(url, own):
        troubles.append(f"a request to {url}")
