"""The home page, the frame around every page, and the sidebar's search."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client, override_settings
from django.urls import reverse

from chatboost.core import clock
from chatboost.core.models import WorkItem, WorkState
from chatboost.messaging.models import Direction, MessageStatus, OriginKind
from chatboost.messaging.services import channels
from flows.models import ExecutionState
from invitations.models import InvitationSource
from invitations.services import sources
from teams.models import Organization, User
from teams.roles import Role
from teams.services import organizations
from tests import factories
from tests.console import rows

pytestmark = pytest.mark.django_db

BrowserOf = Callable[[User], Client]


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    cache.clear()


def home(browser: Client) -> str:
    answer = browser.get(reverse("admin:index"))
    assert answer.status_code == 200
    return answer.content.decode()


def numbers(browser: Client) -> dict[str, int]:
    shown = browser.get(reverse("admin:index")).context["home_numbers"]
    return {number.title: number.value for number in shown}


def notices(browser: Client) -> list[str]:
    return [notice.title for notice in browser.get(reverse("admin:index")).context["home_notices"]]


def test_numbers_count_today_and_this_organization(
    browser: Client, organization: Organization, other_organization: Organization
) -> None:
    for owner in (organization, other_organization):
        conversation = rows.open_conversation(owner)
        rows.message(conversation)
        rows.message(conversation, direction=Direction.OUTBOUND)
        rows.message(conversation, direction=Direction.OUTBOUND, origin_kind=OriginKind.OPERATOR)
        rows.message(conversation, direction=Direction.OUTBOUND, status=MessageStatus.FAILED)
        rows.message(conversation, created_at=clock.now() - timedelta(days=2))
        rows.execution(rows.flow(conversation.bot), conversation, state=ExecutionState.WAITING_INPUT)
    assert numbers(browser) == {
        "Received today": 1,
        "Sent today": 2,
        "Replies by flows": 2,
        "Live executions": 1,
    }


def test_all_is_well_while_nothing_needs_anybody(browser: Client) -> None:
    assert "All is well" in home(browser)


def test_dead_work_needs_attention(browser: Client, organization: Organization) -> None:
    WorkItem.objects.create(
        kind="k", subject_id=1, organization_id=organization.pk, queue="media", state=WorkState.DEAD
    )
    assert notices(browser) == ["1 dead work item"]


def test_disabled_channel_needs_attention(browser: Client, organization: Organization) -> None:
    channel = factories.channel(factories.bot(organization), name="Main number")
    channels.disable(channel, reason="The token has expired.")
    assert notices(browser) == ["Main number can’t send"]


def test_source_that_refuses_us_needs_attention(browser: Client, organization: Organization) -> None:
    sources.create(organization=organization, kind="sandbox", name="Guests")
    assert notices(browser) == []
    cache.clear()
    InvitationSource.objects.update(error="401: access denied")
    assert notices(browser) == ["Guests refuses us"]


def test_failed_execution_and_message_need_attention(browser: Client, organization: Organization) -> None:
    conversation = rows.open_conversation(organization)
    rows.message(conversation, direction=Direction.OUTBOUND, status=MessageStatus.FAILED)
    rows.execution(
        rows.flow(conversation.bot),
        conversation,
        state=ExecutionState.FAILED,
        ended_at=clock.now(),
        error_code="x",
    )
    assert notices(browser) == ["1 message failed today", "1 execution failed today"]


def test_troubles_of_other_organizations_are_not_shown(
    browser: Client, other_organization: Organization
) -> None:
    rows.one_of_each(other_organization)
    assert notices(browser) == []


def test_notices_are_for_roles_that_may_act(viewer_browser: Client, organization: Organization) -> None:
    WorkItem.objects.create(
        kind="k", subject_id=1, organization_id=organization.pk, queue="media", state=WorkState.DEAD
    )
    assert notices(viewer_browser) == []


def test_recent_conversations_show_who_wrote_what(browser: Client, organization: Organization) -> None:
    conversation = rows.open_conversation(organization)
    rows.message(conversation, "older words")
    rows.message(conversation, "<b>newer</b> words")
    shown = home(browser)
    assert "&lt;b&gt;newer&lt;/b&gt; words" in shown
    assert "older words" not in shown


def test_first_steps_lead_to_the_next_one(browser: Client, organization: Organization) -> None:
    bot = factories.bot(organization)
    rows.flow(bot)
    steps = browser.get(reverse("admin:index")).context["home_steps"]
    assert {step.title: step.is_done for step in steps} == {
        "Talk to a bot": False,
        "Publish a flow": True,
        "Choose what starts it": False,
        "Connect WhatsApp": False,
        "Bring your team": True,
    }
    assert steps[0].url == reverse("admin:messaging_bot_chat", args=[bot.pk])


def test_verify_token_of_the_installation_is_for_its_staff(
    browser_of: BrowserOf, organization: Organization, browser: Client
) -> None:
    staff = factories.member(organization, Role.OWNER)
    User.objects.filter(pk=staff.pk).update(is_staff=True)
    with override_settings(WHATSAPP_WEBHOOK_VERIFY_TOKEN="installation-token"):
        shown = ["installation-token" in home(client) for client in (browser, browser_of(staff))]
    assert shown == [False, True]


def sidebar(browser: Client) -> list[str]:
    groups = browser.get(reverse("admin:index")).context["sidebar_navigation"]
    return [item["title"] for group in groups for item in group["items"]]


def test_sidebar_of_an_owner_has_every_place_but_the_installations(browser: Client) -> None:
    places = ["Home", "Inbox", "Contacts", "Messages", "Bots", "Flows", "Triggers", "Executions"]
    places += ["Compression", "Invitations", "Channels", "Members", "API keys", "Telegram", "Connections"]
    places += ["Organization", "Settings"]
    places += ["Jobs", "Work", "Webhook receipts", "Mailbox", "Audit log", "API documentation"]
    assert sidebar(browser) == places


def test_sidebar_of_a_viewer_leaves_out_what_is_forbidden(viewer_browser: Client) -> None:
    assert set(sidebar(viewer_browser)) & {"API keys", "Work", "Webhook receipts", "Schedules"} == set()


@pytest.mark.parametrize("role", [Role.VIEWER, None])
def test_menus_of_staff_have_what_opens_whatever_their_role(
    browser_of: Callable[[User], Client], organization: Organization, role: str | None
) -> None:
    staff = factories.member(organization, role) if role else factories.user()
    User.objects.filter(pk=staff.pk).update(is_staff=True)
    staff.refresh_from_db()
    browser = browser_of(staff)

    page = browser.get(reverse("admin:index"))

    links = {
        item["title"]: item["link"] for group in page.context["sidebar_navigation"] for item in group["items"]
    }
    assert {"Jobs", "Mailbox", "Audit log"} <= links.keys()
    links |= {link["title"]: link["link"] for link in page.context["account_links"]}
    assert ("My notifications" in links, "My preferences" in links) == (bool(role), bool(role))
    assert {title: browser.get(link).status_code for title, link in links.items()} == dict.fromkeys(
        links, 200
    )


def test_every_place_of_the_sidebar_opens(browser: Client) -> None:
    groups = browser.get(reverse("admin:index")).context["sidebar_navigation"]
    statuses = {
        item["link"]: browser.get(item["link"]).status_code for group in groups for item in group["items"]
    }
    assert {link: status for link, status in statuses.items() if status != 200} == {}


def test_frame_names_the_organization_and_the_environment(browser: Client) -> None:
    shown = home(browser)
    assert "Acme" in shown
    assert "Development" in shown


def test_signing_out_is_a_post_to_the_account_pages(browser: Client) -> None:
    assert '<form method="post" action="/accounts/logout/"' in home(browser)
    assert browser.post("/accounts/logout/").status_code == 302
    assert browser.get(reverse("admin:index")).status_code == 302


def test_header_offers_the_users_other_organizations(
    browser: Client, owner: User, other_organization: Organization
) -> None:
    assert "cb-switcher" not in home(browser)
    organizations.add_member(organization=other_organization, user=owner, role=Role.VIEWER)
    header = home(browser).partition('<details class="cb-switcher"')[2].partition("data-bell")[0]
    assert f'name="organization" value="{other_organization.pk}"' in header


def test_signed_in_member_needs_no_second_sign_in(browser: Client) -> None:
    answer = browser.get(reverse("admin:login"), {"next": "/admin/flows/flow/"})
    assert answer["Location"] == "/admin/flows/flow/"


def test_user_without_an_organization_is_told_so(browser_of: BrowserOf) -> None:
    answer = browser_of(factories.user()).get(reverse("admin:index"), follow=True)
    assert answer.status_code == 403


def found(browser: Client, term: str) -> str:
    return browser.get(reverse("admin:search"), {"s": term}).content.decode()


def test_search_finds_pages_and_rows(browser: Client, organization: Organization) -> None:
    factories.contact(organization, first_name="Flora")
    rows.flow(factories.bot(organization), "Flower order")
    shown = found(browser, "flo")
    assert [word in shown for word in ("Flora", "Flower order", reverse("admin:flows_flow_changelist"))] == [
        True
    ] * 3


def test_search_leaves_out_other_organizations(browser: Client, other_organization: Organization) -> None:
    factories.contact(other_organization, first_name="Flora")
    assert "Flora" not in found(browser, "flora")


def test_search_shows_what_changed_since_the_last_one(browser: Client, organization: Organization) -> None:
    found(browser, "flora")
    factories.contact(organization, first_name="Flora")
    assert "Flora" in found(browser, "flora")


def test_search_escapes_what_it_finds(browser: Client, organization: Organization) -> None:
    factories.contact(organization, first_name="<script>canary()</script>")
    assert "<script>canary()" not in found(browser, "<script")
