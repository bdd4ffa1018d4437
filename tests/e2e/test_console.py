"""The console as an operator uses it."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, WebSocketRoute, expect

from tests.rig import Rig

pytestmark = pytest.mark.browser

SOON = 15_000
PAGES = [
    "/admin/",
    "/admin/messaging/conversation/",
    "/admin/messaging/contact/",
    "/admin/messaging/message/",
    "/admin/messaging/bot/1/change/",
    "/admin/messaging/bot/1/chat/",
    "/admin/messaging/channel/1/change/",
    "/admin/flows/flow/1/change/",
    "/admin/flows/execution/",
    "/admin/triggers/trigger/1/change/",
    "/admin/core/workitem/",
    "/admin/core/job/",
    "/admin/core/mail/",
    "/admin/core/auditentry/",
    "/admin/settings/messaging/",
]


def open_chat(page: Page, bot_id: int) -> None:
    """Open the simulated phone with nothing said yet."""
    page.goto(f"/admin/messaging/bot/{bot_id}/chat/")
    page.get_by_role("button", name="Begin anew").click()
    expect(page.locator(".cb-line")).to_have_count(0, timeout=SOON)


def say(page: Page, text: str) -> None:
    page.get_by_label("Message", exact=True).fill(text)
    page.keyboard.press("Enter")


def reply(page: Page, text: str) -> Any:
    """Return the bot's bubble with this text."""
    return page.locator(".cb-out .cb-bubble-text", has_text=text)


@pytest.fixture
def chat(page: Page, demo: dict[str, Any]) -> Page:
    open_chat(page, demo["bot_id"])
    return page


def test_reply_of_the_bot_arrives_by_itself(chat: Page) -> None:
    say(chat, "hello")
    expect(chat.locator(".cb-out")).to_have_count(1, timeout=SOON)
    expect(chat.locator("[data-typing]")).to_be_hidden(timeout=SOON)


def test_conversation_goes_on_with_a_tapped_button(chat: Page) -> None:
    say(chat, "menu")
    chat.get_by_role("button", name="Tea").click(timeout=SOON)
    expect(chat.locator(".cb-in .cb-bubble-text", has_text="Tea")).to_be_visible(timeout=SOON)
    expect(reply(chat, "Here is your Tea")).to_be_visible(timeout=SOON)


def test_state_beside_the_phone_names_the_flow(chat: Page) -> None:
    say(chat, "menu")
    state = chat.locator("aside [data-part=state]")
    expect(state).to_contain_text("Menu", timeout=SOON)
    expect(state).to_contain_text("Waiting for an answer", timeout=SOON)


def test_words_of_a_contact_stay_words(chat: Page) -> None:
    chat.evaluate("window.canary = 0")
    say(chat, '<img src=x onerror="window.canary = 1">')
    expect(chat.locator("[data-part=messages] .cb-in", has_text="<img src=x")).to_be_visible(timeout=SOON)
    assert chat.evaluate("window.canary") == 0


def test_reply_arrives_without_a_socket(
    context: BrowserContext, sign_in: Callable[[BrowserContext], Page], demo: dict[str, Any]
) -> None:
    def hang_up(socket: WebSocketRoute) -> None:
        socket.close()

    context.route_web_socket(re.compile(r"/ws(\?|$)"), hang_up)
    page = sign_in(context)
    open_chat(page, demo["bot_id"])
    expect(page.locator("[data-live-state]")).to_have_attribute("data-state", "polling", timeout=SOON)
    say(page, "hello")
    expect(page.locator(".cb-out")).to_have_count(1, timeout=SOON)


def test_operator_takes_over_and_gives_back(chat: Page, context: BrowserContext) -> None:
    say(chat, "hello")
    expect(reply(chat, "Hello")).to_be_visible(timeout=SOON)
    chat.get_by_role("link", name="Open the conversation as an operator").wait_for(timeout=SOON)
    thread = context.new_page()
    thread.goto(
        chat.get_by_role("link", name="Open the conversation as an operator").get_attribute("href") or ""
    )
    expect(thread.locator("[data-live-state]")).to_have_attribute("data-state", "live", timeout=SOON)

    thread.get_by_role("button", name="Pause the bot").click()
    expect(thread.get_by_text("Bot paused")).to_be_visible(timeout=SOON)
    say(chat, "hello again")
    expect(thread.locator(".cb-in", has_text="hello again")).to_be_visible(timeout=SOON)
    thread.get_by_label("Reply").fill("A person here. How may I help?")
    thread.keyboard.press("Enter")
    expect(reply(chat, "A person here.")).to_be_visible(timeout=SOON)
    expect(thread.locator(".cb-out", has_text="A person here.")).to_contain_text("Sent", timeout=SOON)
    expect(chat.locator(".cb-out")).to_have_count(2)

    thread.get_by_role("button", name="Let the bot answer again").click()
    expect(thread.get_by_text("Bot answers")).to_be_visible(timeout=SOON)


def test_published_change_of_a_flow_is_what_the_bot_says(page: Page, demo: dict[str, Any]) -> None:
    page.goto(f"/admin/flows/flow/{demo['flow_id']}/change/")
    page.get_by_text("0 send_message").click()
    config = page.locator("textarea[name=nodes-0-config]")
    config.fill('{"message_type": "text", "content": {"text": "Good to see you."}, "next": null}')
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_text("It differs from what is published")).to_be_visible(timeout=SOON)
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Version 2 is published")).to_be_visible(timeout=SOON)
    open_chat(page, demo["bot_id"])
    say(page, "hello")
    expect(reply(page, "Good to see you.")).to_be_visible(timeout=SOON)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_pages_fit_the_screen(
    width: int, scheme: Any, chromium: Browser, server: Rig, sign_in: Callable[[BrowserContext], Page]
) -> None:
    context = chromium.new_context(
        base_url=server.url, viewport={"width": width, "height": 844}, color_scheme=scheme
    )
    page = sign_in(context)
    wide = {}
    for address in PAGES:
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200, address
        overflow = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if overflow > 0:
            wide[address] = overflow
    context.close()
    assert wide == {}


@pytest.mark.parametrize("width", [1280, 390])
def test_organization_is_switched_in_the_header(
    page: Page, server: Rig, demo: dict[str, Any], cookies: list[Any], width: int
) -> None:
    # The session keeps what is chosen: nobody else goes on with it.
    cookies.clear()
    server.run("django", "create_organization", "Zenith", "--email", demo["email"])
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/admin/messaging/bot/")
    switcher = page.locator("#header-inner .cb-switcher")
    other = switcher.get_by_role("button", name="Zenith")

    switcher.locator("summary").click()
    expect(other).to_be_in_viewport(ratio=1, timeout=SOON)
    page.keyboard.press("Escape")
    expect(other).to_be_hidden(timeout=SOON)
    switcher.locator("summary").click()
    other.click()

    expect(page.locator("body")).to_contain_text("Zenith", timeout=SOON)
    switcher.locator("summary").click()
    expect(switcher.get_by_role("button", name="Demo company")).to_be_visible(timeout=SOON)


def test_signing_out_ends_the_session(page: Page) -> None:
    page.goto("/admin/")
    page.locator("#nav-sidebar-inner").get_by_text("demo@example.com").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/accounts/**")
    page.goto("/admin/")
    expect(page.locator("input[name=password]")).to_be_visible(timeout=SOON)
