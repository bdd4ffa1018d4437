"""The bell: what comes while people look, read in one tab and in all, and found again after an outage."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.rig import Rig

pytestmark = pytest.mark.browser

SOON = 15_000
_numbers = count(1)

Tell = Callable[..., str]


@pytest.fixture
def tell(server: Rig, demo: dict[str, Any]) -> Tell:
    """Return a function that tells the demo's owner something; it returns the title."""

    def make(severity: str = "info", url: str = "") -> str:
        title = f"News {next(_numbers)}"
        server.task("notify", demo["email"], title, severity, url)
        return title

    return make


@pytest.fixture
def quiet(page: Page) -> Iterator[Page]:
    """A page with everything read."""
    open_drawer(page)
    if page.locator("[data-read-all]").is_visible():
        page.locator("[data-read-all]").click()
    expect(page.locator("[data-bell-count]")).to_be_hidden(timeout=SOON)
    page.keyboard.press("Escape")
    yield page
    page.context.set_offline(False)


def open_drawer(page: Page) -> None:
    page.get_by_role("button", name="Notifications").click()
    expect(page.get_by_role("dialog", name="Notifications")).to_be_visible()


def toast(page: Page, title: str) -> Any:
    return page.locator(".cb-toast", has_text=title)


def row(page: Page, title: str) -> Any:
    return page.locator(".cb-notification", has_text=title)


def expect_unread(page: Page, number: int) -> None:
    badge = page.locator("[data-bell-count]")
    if number:
        expect(badge).to_have_text(str(number), timeout=SOON)
    else:
        expect(badge).to_be_hidden(timeout=SOON)


def test_news_rings_in_every_tab_without_a_reload(quiet: Page, tell: Tell) -> None:
    other = quiet.context.new_page()
    other.goto("/admin/messaging/contact/")

    title = tell()

    for tab in (quiet, other):
        expect(toast(tab, title)).to_be_visible(timeout=SOON)
        expect_unread(tab, 1)


def test_what_was_read_in_one_tab_is_read_in_the_other(quiet: Page, tell: Tell) -> None:
    other = quiet.context.new_page()
    other.goto("/admin/messaging/contact/")
    first, second = tell(), tell()
    for tab in (quiet, other):
        expect_unread(tab, 2)
    open_drawer(other)

    open_drawer(quiet)
    row(quiet, first).get_by_role("button", name="Mark read").click()

    expect(row(other, first)).to_have_attribute("data-read", "1", timeout=SOON)
    expect(row(other, second)).to_have_attribute("data-read", "0")
    expect_unread(other, 1)
    quiet.get_by_role("button", name="Mark all read").click()
    expect(row(other, second)).to_have_attribute("data-read", "1", timeout=SOON)
    expect_unread(other, 0)


def test_count_is_there_on_load_and_old_news_make_no_toasts(quiet: Page, tell: Tell) -> None:
    title = tell()
    expect(toast(quiet, title)).to_be_visible(timeout=SOON)
    quiet.goto("/admin/messaging/contact/")

    expect_unread(quiet, 1)
    open_drawer(quiet)
    expect(row(quiet, title)).to_be_visible(timeout=SOON)
    expect(quiet.locator(".cb-toast")).to_have_count(0)


def test_link_of_a_notification_leads_there_and_marks_it_read(quiet: Page, tell: Tell) -> None:
    title = tell(url="/admin/messaging/bot/")
    expect_unread(quiet, 1)
    open_drawer(quiet)

    row(quiet, title).get_by_role("link").click()

    quiet.wait_for_url("**/admin/messaging/bot/")
    expect_unread(quiet, 0)


def test_burst_is_one_toast_that_opens_the_drawer(quiet: Page, tell: Tell) -> None:
    quiet.context.set_offline(True)
    drop_the_socket(quiet)
    titles = [tell() for _ in range(5)]
    quiet.context.set_offline(False)

    summary = toast(quiet, "5 new notifications")
    expect(summary).to_be_visible(timeout=SOON)
    expect(quiet.locator(".cb-toast")).to_have_count(1)
    summary.get_by_role("button", name="Show them").click()
    for title in titles:
        expect(row(quiet, title)).to_be_visible(timeout=SOON)


def test_news_of_an_outage_come_once_when_the_server_is_back(quiet: Page, server: Rig, tell: Tell) -> None:
    title = tell()
    expect(toast(quiet, title)).to_be_visible(timeout=SOON)
    server.kill(server.web)
    missed = [tell(), tell()]
    server.start_web()
    server.await_web()

    for each in missed:
        expect(toast(quiet, each)).to_have_count(1, timeout=SOON)
    expect_unread(quiet, 3)


def test_drawer_works_by_keyboard(quiet: Page, tell: Tell) -> None:
    title = tell(url="/admin/messaging/bot/")
    expect_unread(quiet, 1)
    quiet.locator("[data-bell-button]").focus()

    quiet.keyboard.press("Enter")
    expect(row(quiet, title)).to_be_visible(timeout=SOON)
    expect(quiet.locator("[data-drawer]")).to_be_focused()
    row(quiet, title).get_by_role("button", name="Mark read").press("Enter")
    expect(row(quiet, title).get_by_role("link")).to_be_focused()
    quiet.keyboard.press("Escape")

    expect(quiet.get_by_role("dialog", name="Notifications")).to_be_hidden()
    expect(quiet.locator("[data-bell-button]")).to_be_focused()
    expect_unread(quiet, 0)


def test_error_stays_until_it_is_dismissed_and_words_stay_words(quiet: Page, server: Rig, demo: Any) -> None:
    quiet.evaluate("window.canary = 0")
    server.task("notify", demo["email"], "<img src=x onerror='window.canary = 1'>", "error", "")

    shown = toast(quiet, "<img src=x")
    expect(shown).to_be_visible(timeout=SOON)
    shown.get_by_role("button", name="Dismiss").click()
    expect(shown).to_have_count(0)
    assert quiet.evaluate("window.canary") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_drawer_and_toasts_fit_the_screen(
    width: int,
    scheme: Any,
    chromium: Browser,
    server: Rig,
    sign_in: Callable[[BrowserContext], Page],
    tell: Tell,
) -> None:
    context = chromium.new_context(
        base_url=server.url, viewport={"width": width, "height": 800}, color_scheme=scheme
    )
    page = sign_in(context)
    title = tell("error", "/admin/")
    box = toast(page, title)
    expect(box).to_be_visible(timeout=SOON)
    assert_inside(box.bounding_box(), width)
    open_drawer(page)
    expect(row(page, title)).to_be_visible(timeout=SOON)
    assert_inside(page.locator("[data-drawer]").bounding_box(), width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def assert_inside(box: Any, width: int) -> None:
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width


def drop_the_socket(page: Page) -> None:
    """End the page's connection, as a network that goes away does."""
    page.evaluate("""async () => {
        const { connection } = await import("/static/console/socket.js");
        connection.abandon();
    }""")
