"""Getting in, as people do: sign-in, second step, recovery codes, invites."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from allauth.mfa.totp.internal import auth as totp
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.rig import Rig

pytestmark = pytest.mark.browser

SOON = 15_000
SECRET = "a long enough secret"
WIDTHS = [390, 1440]

# Run in the installation: what a person would find in their mailbox, or an administrator would do.
_INVITE = """
import json, re, sys
from chatboost.core.models import Mail
from teams.models import Membership, Organization, User
from teams.services import invites, registration
from teams.roles import Role
email, has_account = {email!r}, {has_account!r}
organization = Organization.objects.order_by("id").first()
owner = Membership.objects.get(organization=organization, role=Role.OWNER).user
if has_account and not User.objects.filter(email=email).exists():
    registration.create_user(email=email, password={password!r}, name="Known Person")
invites.create(organization=organization, email=email, role=Role.AGENT, actor=owner)
text = Mail.objects.filter(to=email).latest("id").text
link = re.search(r"https?://\\S+/accounts/invite/\\S+", text)[0]
print(json.dumps({{"link": link, "organization": organization.name}}))
"""


@pytest.fixture
def invite(server: Rig) -> Callable[..., dict[str, str]]:
    """Return a function that invites somebody and reads the mail: its link's path, and the organization."""

    def ask(email: str, *, has_account: bool = False) -> dict[str, str]:
        script = _INVITE.format(email=email, has_account=has_account, password=SECRET)
        found: dict[str, str] = json.loads(server.run("django", "shell", "-v", "0", "-c", script))
        return {"link": urlsplit(found["link"]).path, "organization": found["organization"]}

    return ask


@pytest.fixture
def other_context(chromium: Browser, server: Rig) -> Iterator[BrowserContext]:
    """Return the browser of somebody else."""
    opened = chromium.new_context(base_url=server.url, viewport={"width": 390, "height": 844})
    yield opened
    opened.close()


def enter(page: Page, email: str, password: str) -> None:
    page.goto("/accounts/login/")
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")


def code_of(secret: str) -> str:
    return str(totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30)))


def join(page: Page, link: str, *, name: str = "Ada Lovelace") -> None:
    page.goto(link)
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Password").fill(SECRET)
    page.get_by_role("button", name="Create my account and join").click()
    page.wait_for_url("**/admin/")


def switch_on(page: Page) -> str:
    """Set the second step up from “Security”; returns its secret."""
    page.goto("/accounts/security/")
    page.get_by_role("link", name="Set up").click()
    page.get_by_label("Password").fill(SECRET)
    page.get_by_role("button", name="Confirm").click()
    secret = page.locator("#authenticator_secret").input_value()
    page.get_by_label("Authenticator code").fill(code_of(secret))
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_text("recovery codes").first).to_be_visible(timeout=SOON)
    return secret


def test_new_person_joins_from_the_mails_link(page: Page, context: BrowserContext, invite: Any) -> None:
    found = invite("e2e-new@example.com")
    visitor = context.browser.new_context(base_url=page.url.split("/admin")[0]).new_page()

    visitor.goto(found["link"])
    expect(visitor.get_by_role("heading", name=f"Join {found['organization']}")).to_be_visible()
    assert found["link"] not in visitor.url
    join(visitor, found["link"])

    expect(visitor.get_by_text(f"Welcome to {found['organization']}")).to_be_visible(timeout=SOON)
    visitor.goto(found["link"])
    visitor.wait_for_url("**/admin/")


def test_known_person_signs_in_and_joins(other_context: BrowserContext, invite: Any) -> None:
    found = invite("e2e-known@example.com", has_account=True)
    page = other_context.new_page()

    page.goto(found["link"])
    page.get_by_role("link", name="Sign in to accept").click()
    page.fill("input[name=login]", "e2e-known@example.com")
    page.fill("input[name=password]", SECRET)
    page.press("input[name=password]", "Enter")
    page.get_by_role("button", name="Accept and join").click()

    page.wait_for_url("**/admin/")
    expect(page.get_by_text(f"Welcome to {found['organization']}")).to_be_visible(timeout=SOON)


def test_somebody_else_is_told_so_and_makes_way(page: Page, demo: dict[str, Any], invite: Any) -> None:
    found = invite("e2e-other@example.com")

    page.goto(found["link"])
    expect(page.get_by_text(f"You are signed in as {demo['email']}")).to_be_visible()
    page.get_by_role("button", name="Continue as e2e-other@example.com").click()
    expect(page.get_by_label("Your name")).to_be_visible()
    join(page, found["link"])


def test_second_step_is_set_up_used_recovered_and_switched_off(
    context: BrowserContext, other_context: BrowserContext, invite: Any
) -> None:
    email = "e2e-mfa@example.com"
    page = context.new_page()
    join(page, invite(email)["link"])
    switch_on(page)
    page.goto("/accounts/2fa/recovery-codes/")
    codes = page.locator("#recovery_codes").input_value().split()
    assert len(codes) == 10

    other = other_context.new_page()
    enter(other, email, SECRET)
    other.wait_for_url("**/2fa/authenticate/**")
    other.locator("input[name=code]").fill("000000")
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_text("Incorrect code")).to_be_visible()
    other.locator("input[name=code]").fill(codes[0])
    other.get_by_role("button", name="Sign in").click()
    other.wait_for_url("**/admin/")

    other.goto("/accounts/security/")
    expect(other.get_by_text("9 codes left")).to_be_visible()
    other.get_by_role("link", name="Switch off").click()
    if "reauthenticate" in other.url:
        other.get_by_label("Password").fill(SECRET)
        other.get_by_role("button", name="Confirm").click()
    other.get_by_role("button", name="Deactivate").click()
    other.goto("/accounts/security/")
    expect(other.get_by_text("Off", exact=True)).to_be_visible()


def test_code_of_the_app_opens_the_door(context: BrowserContext, invite: Any, other_context: Any) -> None:
    email = "e2e-app@example.com"
    page = context.new_page()
    join(page, invite(email)["link"])
    secret = switch_on(page)

    other = other_context.new_page()
    enter(other, email, SECRET)
    other.locator("input[name=code]").fill(code_of(secret))
    other.get_by_role("button", name="Sign in").click()

    other.wait_for_url("**/admin/")


def test_signing_out_elsewhere_works_from_the_account_menu(
    context: BrowserContext, other_context: BrowserContext, invite: Any
) -> None:
    email = "e2e-sessions@example.com"
    page, other = context.new_page(), other_context.new_page()
    join(page, invite(email)["link"])
    enter(other, email, SECRET)
    other.wait_for_url("**/admin/")

    page.goto("/accounts/security/")
    page.get_by_role("button", name="Sign out everywhere else").click()

    expect(page.get_by_text("Signed out everywhere else.")).to_be_visible()
    other.goto("/admin/")
    assert "/accounts/login/" in other.url


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_the_screen(
    chromium: Browser, server: Rig, demo: dict[str, Any], invite: Any, width: int, scheme: Any
) -> None:
    opened = chromium.new_context(
        base_url=server.url, viewport={"width": width, "height": 900}, color_scheme=scheme
    )
    page = opened.new_page()
    link = invite(f"e2e-fit-{width}-{scheme}@example.com")["link"]
    for path in (link, "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    enter(page, demo["email"], demo["password"])
    page.wait_for_url("**/admin/")
    for path in ("/accounts/security/", link, "/accounts/email/", "/admin/teams/invite/"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    opened.close()
