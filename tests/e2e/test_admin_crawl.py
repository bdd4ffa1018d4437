"""Every page of the console, over an organization whose every text is hostile, in a real browser."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request

from tests import rig
from tests.e2e import poison
from tests.e2e.conftest import is_foreign

pytestmark = pytest.mark.browser

# What runs before a page's own scripts: it hears what payloads do, and what the policy forbids.
LISTEN = """
window.ran = () => console.error("ran: a payload on " + location.href);
for (const name of ["alert", "confirm", "prompt"]) window[name] = () => window.ran();
document.addEventListener("securitypolicyviolation", (event) =>
    console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""

# Links that would run something, were they followed.
LINKS = """() => [...document.querySelectorAll("a[href], area[href], form[action], iframe, object, embed")]
    .map((each) => each.href || each.action || each.src || each.data || "")
    .filter((url) => typeof url === "string" && /^\\s*(javascript|vbscript|data):/i.test(url))"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[rig.Rig, dict[str, Any]]]:
    """Run an installation whose one organization is hostile."""
    folder: Path = tmp_path_factory.mktemp("hostile")
    database = f"sqlite:///{folder / 'db.sqlite3'}"
    with rig.installation(folder, database, CHATBOOST_EMBEDDED_PUMP="1") as running:
        said = running.run("django", "shell", "-v0", "-c", "from tests.e2e import poison; poison.write()")
        running.start_web()
        running.await_web()
        yield running, json.loads(said.splitlines()[-1])


def test_no_word_of_a_stranger_runs(chromium: Browser, hostile: tuple[rig.Rig, dict[str, Any]]) -> None:
    server, told = hostile
    context = chromium.new_context(base_url=server.url, viewport={"width": 1280, "height": 800})
    context.add_init_script(LISTEN)
    page = context.new_page()
    troubles = _listen(page, server.url)
    _sign_in(page, told["email"])
    began = time.monotonic()
    statuses = [_look(page, address, troubles) for address in told["pages"]]
    _search(page, "script")
    took = time.monotonic() - began
    context.close()
    print(f"{len(poison.PAYLOADS)} payloads on {len(statuses)} pages in {took:.0f} s")
    assert troubles == []
    assert set(statuses) == {200}
    assert len(statuses) > 110


def test_listener_hears_a_payload_that_runs(chromium: Browser) -> None:
    context = chromium.new_context()
    context.add_init_script(LISTEN)
    page = context.new_page()
    troubles = _listen(page, "about:")
    with page.expect_console_message(lambda message: message.text.startswith("ran:")):
        page.goto(f"data:text/html,<img src=x onerror={poison.CALL}><a href='javascript:{poison.CALL}'>x</a>")
    assert page.evaluate(LINKS)
    context.close()
    assert any("ran:" in trouble for trouble in troubles)


def _sign_in(page: Page, email: str) -> None:
    page.goto("/admin/")
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", poison.PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/admin/")


def _look(page: Page, address: str, troubles: list[str]) -> int:
    """Open a page, let its scripts end, and return its status."""
    answer = page.goto(address)
    assert answer is not None
    if answer.ok and (links := page.evaluate(LINKS)):
        troubles.append(f"{address}: {links}")
    return answer.status


def _search(page: Page, term: str) -> None:
    """Ask the sidebar's search, which puts what it finds into the page."""
    with page.expect_response("**/admin/search/**"):
        page.locator("#nav-filter").press_sequentially(term)


def _listen(page: Page, own: str) -> list[str]:
    """Return a list that fills with whatever should not happen."""
    troubles: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error":
            troubles.append(f"{page.url}: {message.text}")

    def see(request: Request) -> None:
        if is_foreign(request.url, own) or poison.PATH in request.url:
            troubles.append(f"{page.url}: a request to {request.url}")

    page.on("console", hear)
    page.on("request", see)
    page.on("pageerror", lambda error: troubles.append(f"{page.url}: {error}"))
    page.on("dialog", lambda dialog: troubles.append(f"{page.url}: a dialog {dialog.message}"))
    return troubles
