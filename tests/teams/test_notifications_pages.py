"""The console's pages of notifications, preferences, Telegram and announcements."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from chatboost.core import clock
from chatboost.core.models import AuditEntry, Job
from teams.models import Notification, NotificationPreference, Organization, TelegramChat, User
from teams.roles import Role
from teams.services import telegram
from tests import factories
from tests.fakes.telegram import CHAT, TOKEN, TelegramFake, update
from tests.messaging.pipeline import work
from tests.teams.notices import told

pytestmark = pytest.mark.django_db

LIST, PREFERENCES = "/admin/teams/notification/", "/admin/teams/notification/preferences/"
TELEGRAM, ANNOUNCE = "/admin/teams/telegramchat/", "/admin/teams/announce/"


@pytest.fixture
def viewer(organization: Organization) -> User:
    return factories.member(organization, Role.VIEWER)


@pytest.fixture
def browser(browser_of: Callable[[User], Client], viewer: User) -> Client:
    return browser_of(viewer)


@pytest.fixture
def admin_browser(browser_of: Callable[[User], Client], organization: Organization) -> Client:
    return browser_of(factories.member(organization, Role.ADMIN))


@pytest.fixture
def bot(settings: Any) -> Iterator[TelegramFake]:
    with TelegramFake() as fake:
        settings.TELEGRAM_API_URL = fake.url
        yield fake


def text_of(answer: Any) -> str:
    assert answer.status_code == 200, answer
    return str(answer.content.decode())


# Notifications


def test_list_shows_own_ones_alone(organization: Organization, viewer: User, browser: Client) -> None:
    told(organization, users=[viewer], title="For the viewer")
    told(organization, users=[factories.member(organization)], title="For somebody else")
    page = text_of(browser.get(LIST))
    assert "For the viewer" in page
    assert "For somebody else" not in page
    assert PREFERENCES in page


def test_list_is_narrowed_to_unread(organization: Organization, viewer: User, browser: Client) -> None:
    read, _ = (told(organization, users=[viewer], title=title)[0] for title in ("Old news", "Fresh news"))
    browser.post(f"{LIST}{read.pk}/do/mark_read/")
    page = text_of(browser.get(f"{LIST}?is_read=false"))
    assert "Fresh news" in page
    assert "Old news" not in page


def test_page_of_one_leads_to_what_it_is_about(
    organization: Organization, viewer: User, browser: Client
) -> None:
    (row,) = told(organization, users=[viewer], body="<b>bold</b>", url="/admin/messaging/bot/")
    page = text_of(browser.get(f"{LIST}{row.pk}/change/"))
    assert 'href="/admin/messaging/bot/"' in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    row.refresh_from_db()
    assert row.read_at is None


def test_buttons_read_and_remove(organization: Organization, viewer: User, browser: Client) -> None:
    (row,) = told(organization, users=[viewer])
    for name, is_read in (("mark_read", True), ("mark_unread", False)):
        browser.post(f"{LIST}{row.pk}/do/{name}/")
        row.refresh_from_db()
        assert (row.read_at is not None) is is_read
    assert browser.post(f"{LIST}{row.pk}/do/remove/").url == LIST
    assert not Notification.objects.exists()


def test_buttons_of_somebody_elses_are_not_there(organization: Organization, browser: Client) -> None:
    (row,) = told(organization, users=[factories.member(organization)])
    assert browser.get(f"{LIST}{row.pk}/change/").status_code == 404
    assert browser.post(f"{LIST}{row.pk}/do/remove/").status_code == 404


@pytest.mark.parametrize(
    ("action", "left", "read"),
    [("mark_selected_read", 2, 2), ("mark_selected_unread", 2, 0), ("remove_selected", 0, 0)],
)
def test_bulk_actions(
    organization: Organization, viewer: User, browser: Client, action: str, left: int, read: int
) -> None:
    rows = [told(organization, users=[viewer])[0] for _ in range(2)]
    (elses,) = told(organization, users=[factories.member(organization)])
    ids = [str(row.pk) for row in (*rows, elses)]
    data = {"action": action, "_selected_action": ids, "ids": ",".join(ids), "confirmed": "1"}
    browser.post(LIST, data)
    own = Notification.objects.filter(user=viewer)
    assert (own.count(), own.exclude(read_at=None).count()) == (left, read)
    elses.refresh_from_db()
    assert elses.read_at is None


# Preferences


def test_preferences_are_switched_by_boxes(organization: Organization, viewer: User, browser: Client) -> None:
    page = text_of(browser.get(PREFERENCES))
    assert page.count('type="checkbox"') == 27
    answer = browser.post(PREFERENCES, {"lead.in_app": "on", "lead.email": "on", "system.in_app": "on"})
    assert answer.url == PREFERENCES
    own = NotificationPreference.objects.filter(user=viewer)
    rows = {(row.type, row.medium): row.is_enabled for row in own}
    assert rows[("lead", "email")] is True
    assert rows[("lead", "telegram")] is False
    assert rows[("batch", "in_app")] is False
    assert ("lead", "in_app") not in rows
    assert 'name="lead.email" aria-label="Lead: E-mail" checked' in text_of(browser.get(PREFERENCES))
    assert AuditEntry.objects.filter(verb="notification_preferences.changed").count() == 1


def test_account_menu_leads_to_both(browser: Client) -> None:
    page = text_of(browser.get("/admin/"))
    assert f'href="{LIST}"' in page
    assert f'href="{PREFERENCES}"' in page


# Telegram


def save(browser: Client, page: str = "add/", **fields: str) -> Any:
    return browser.post(f"{TELEGRAM}{page}", {"token": TOKEN, "chat_id": "", **fields})


def test_bot_is_connected_and_its_token_never_shown(
    organization: Organization, admin_browser: Client, bot: TelegramFake
) -> None:
    assert save(admin_browser).status_code == 302
    chat = TelegramChat.objects.get()
    assert (chat.organization_id, chat.bot_token, chat.chat_id) == (organization.pk, TOKEN, "")
    pages = text_of(admin_browser.get(f"{TELEGRAM}{chat.pk}/change/")) + text_of(admin_browser.get(TELEGRAM))
    assert TOKEN not in pages
    assert "No chat chosen" in pages
    assert TOKEN not in str(list(AuditEntry.objects.values()))
    # There is one for an organization.
    assert admin_browser.get(f"{TELEGRAM}add/").url == f"{TELEGRAM}{chat.pk}/change/"
    assert save(admin_browser).url == f"{TELEGRAM}{chat.pk}/change/"
    assert TelegramChat.objects.count() == 1


def test_token_left_empty_stays(organization: Organization, admin_browser: Client) -> None:
    save(admin_browser)
    chat = TelegramChat.objects.get()
    answer = save(admin_browser, f"{chat.pk}/change/", token="", chat_id=CHAT, is_enabled="on")
    assert answer.status_code == 302
    chat.refresh_from_db()
    assert (chat.bot_token, chat.chat_id, chat.is_enabled) == (TOKEN, CHAT, True)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"token": ""}, "Enter the token"),
        ({"token": "hello"}, "A token is a number"),
        ({"chat_id": "our group"}, "A number such as"),
    ],
)
def test_wrong_entries_are_refused_beside_their_field(
    organization: Organization, admin_browser: Client, fields: dict[str, str], words: str
) -> None:
    assert words in text_of(save(admin_browser, **fields))
    assert not TelegramChat.objects.exists()


def test_chat_is_found_and_chosen(
    organization: Organization, admin_browser: Client, bot: TelegramFake
) -> None:
    save(admin_browser)
    chat = TelegramChat.objects.get()
    bot.updates = [update(1, {"id": int(CHAT), "type": "group", "title": "<Operators>"})]
    page = text_of(admin_browser.post(f"{TELEGRAM}{chat.pk}/do/find_chats/"))
    assert "&lt;Operators&gt;" in page
    admin_browser.post(reverse("admin:teams_telegramchat_choose", args=[chat.pk]), {"chat_id": CHAT})
    chat.refresh_from_db()
    assert chat.chat_id == CHAT


def test_problem_of_finding_is_said_in_words(
    organization: Organization, admin_browser: Client, bot: TelegramFake
) -> None:
    save(admin_browser)
    chat, bot.has_webhook = TelegramChat.objects.get(), True
    answer = admin_browser.post(f"{TELEGRAM}{chat.pk}/do/find_chats/", follow=True)
    assert "a webhook is set" in text_of(answer)


def test_test_message_arrives_and_repairs_the_state(
    organization: Organization, admin_browser: Client, bot: TelegramFake
) -> None:
    save(admin_browser, chat_id=CHAT)
    chat = TelegramChat.objects.get()
    bot.block(CHAT)
    assert "bot was kicked" in text_of(admin_browser.post(f"{TELEGRAM}{chat.pk}/do/send_test/", follow=True))
    chat.refresh_from_db()
    assert chat.error
    bot._blocked.clear()
    assert "look into the chat" in text_of(
        admin_browser.post(f"{TELEGRAM}{chat.pk}/do/send_test/", follow=True)
    )
    chat.refresh_from_db()
    assert (chat.error, len(bot.ledger)) == ("", 1)


def test_telegram_is_not_for_editors(
    organization: Organization, browser_of: Callable[[User], Client], editor: User, bot: TelegramFake
) -> None:
    chat = telegram.save(organization=organization, bot_token=TOKEN, chat_id=CHAT, actor=editor)
    browser = browser_of(editor)
    assert browser.get(TELEGRAM).status_code == 403
    assert browser.post(f"{TELEGRAM}{chat.pk}/do/send_test/").status_code in (403, 404)
    assert browser.post(f"{TELEGRAM}{chat.pk}/choose/", {"chat_id": "1"}).status_code in (403, 404)
    assert bot.attempts == []


def test_chat_of_another_organization_is_not_there(
    other_organization: Organization, admin_browser: Client, bot: TelegramFake
) -> None:
    chat = telegram.save(organization=other_organization, bot_token=TOKEN, chat_id=CHAT, actor=None)
    for path in ("do/send_test/", "do/find_chats/", "choose/"):
        assert admin_browser.post(f"{TELEGRAM}{chat.pk}/{path}", {"chat_id": "1"}).status_code == 404
    assert bot.attempts == []


# Announcements


def test_staff_announce(organization: Organization, browser_of: Callable[[User], Client]) -> None:
    staff = factories.member(organization)
    User.objects.filter(pk=staff.pk).update(is_staff=True)
    staff.refresh_from_db()
    browser = browser_of(staff)
    assert "Empty: all organizations" in text_of(browser.get(ANNOUNCE))
    body = {"title": "Maintenance", "body": "At noon", "severity": "warning", "slug": "acme"}
    assert browser.post(ANNOUNCE, body).url == ANNOUNCE
    work(clock.now())
    assert set(Notification.objects.values_list("title", flat=True)) == {"Maintenance"}
    assert "This field is required" in text_of(browser.post(ANNOUNCE, {**body, "title": ""}))


def test_announcement_is_a_job_of_the_installation(
    organization: Organization, viewer: User, browser: Client, browser_of: Callable[[User], Client]
) -> None:
    staff = factories.user(is_staff=True)
    body = {"title": "Maintenance", "body": "", "severity": "info", "slug": ""}

    browser_of(staff).post(ANNOUNCE, body)

    job = Job.objects.get()
    page = reverse("admin:core_job_change", args=[job.pk])
    assert job.organization_id == 0
    assert "Announcement: Maintenance" in text_of(browser_of(staff).get(page))
    assert "Announcement: Maintenance" in text_of(browser_of(staff).get(reverse("admin:core_job_changelist")))
    assert browser.get(page).status_code == 404


def test_announcing_is_for_staff(admin_browser: Client) -> None:
    assert admin_browser.get(ANNOUNCE).status_code == 403
    assert admin_browser.post(ANNOUNCE, {"title": "x", "severity": "info"}).status_code == 403
