"""The mailbox in the console."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from chatboost.core import mail
from chatboost.core.admin.mail import with_links
from chatboost.core.mail import Rendered
from chatboost.core.models import AuditEntry, Mail, MailState, WorkItem
from teams.models import Organization, User
from teams.roles import Role
from tests import factories

pytestmark = pytest.mark.django_db

LIST = "admin:core_mail_changelist"
BrowserOf = Callable[[User], Client]


def page(of: Mail) -> str:
    return reverse("admin:core_mail_change", args=[of.pk])


def said(answer: HttpResponse) -> str:
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))  # type: ignore[attr-defined]


def write(organization_id: int, text: str = "Hello", html: str = "", **fields: Any) -> Mail:
    made = mail.queue_rendered(
        to="ada@example.com",
        content=Rendered(subject="Report", text=text, html=html),
        template="test",
        organization_id=organization_id,
    )
    Mail.objects.filter(pk=made.pk).update(**fields)
    made.refresh_from_db()
    return made


@pytest.fixture
def mails(organization: Organization, other_organization: Organization) -> dict[str, Mail]:
    numbers = {"own": organization.pk, "foreign": other_organization.pk, "account": 0}
    return {name: write(number) for name, number in numbers.items()}


@pytest.fixture
def _server(settings: Any) -> None:
    settings.EMAIL_HOST = "127.0.0.1"


# Who sees what


def test_mailbox_shows_an_admin_the_own_organizations_mail_alone(
    browser: Client, mails: dict[str, Mail]
) -> None:
    listed = browser.get(reverse(LIST)).context["cl"].result_list
    statuses = {name: browser.get(page(each)).status_code for name, each in mails.items()}
    assert [row.pk for row in listed] == [mails["own"].pk]
    assert statuses == {"own": 200, "foreign": 404, "account": 404}


def test_mailbox_shows_staff_mail_about_accounts(
    browser_of: BrowserOf, organization: Organization, mails: dict[str, Mail]
) -> None:
    person = factories.member(organization, Role.VIEWER)
    User.objects.filter(pk=person.pk).update(is_staff=True)
    client = browser_of(person)
    statuses = {name: client.get(page(each)).status_code for name, each in mails.items()}
    assert statuses == {"own": 404, "foreign": 404, "account": 200}


def test_reset_link_is_not_for_an_owner_who_is_no_staff(
    browser: Client, client: Client, owner: User, organization: Organization
) -> None:
    other = factories.member(organization, Role.OWNER)
    client.post(reverse("account_reset_password"), {"email": other.email})
    reset = Mail.objects.get(to=other.email)
    assert "/accounts/password/reset/key/" in reset.text
    assert browser.get(page(reset)).status_code == 404
    assert reset.subject not in browser.get(reverse(LIST)).content.decode()


def test_mailbox_is_closed_to_an_editor(browser_of: BrowserOf, editor: User) -> None:
    assert browser_of(editor).get(reverse(LIST)).status_code == 403


def test_list_does_not_read_the_words(browser: Client, mails: dict[str, Mail]) -> None:
    (row,) = browser.get(reverse(LIST)).context["cl"].result_list
    assert row.get_deferred_fields() == {"text", "html"}


@pytest.mark.usefixtures("_server")
def test_staff_sends_mail_of_the_installation_again_whatever_the_role(
    browser_of: BrowserOf, organization: Organization, mails: dict[str, Mail]
) -> None:
    person = factories.member(organization, Role.VIEWER)
    User.objects.filter(pk=person.pk).update(is_staff=True)
    Mail.objects.update(state=MailState.FAILED)
    client = browser_of(person)
    for name, status in (("account", 302), ("own", 404)):
        answer = client.post(reverse("admin:core_mail_action", args=[mails[name].pk, "send_again"]))
        assert answer.status_code == status


# How it looks


def test_note_says_that_mail_is_kept(browser: Client, settings: Any) -> None:
    settings.EMAIL_HOST = ""
    note = "No mail server is set: mails are kept here."
    assert note in browser.get(reverse(LIST)).content.decode()
    settings.EMAIL_HOST = "127.0.0.1"
    assert note not in browser.get(reverse(LIST)).content.decode()


def test_page_shows_the_text_escaped_and_never_the_html(browser: Client, organization: Organization) -> None:
    made = write(organization.pk, text="<script>a()</script>", html="<p>Only in HTML</p>")
    shown = browser.get(page(made)).content.decode()
    assert "&lt;script&gt;a()&lt;/script&gt;" in shown
    assert "<script>a()" not in shown
    assert "Only in HTML" not in shown
    assert made.message_id.strip("<>") in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "See https://chat.example/a?b=1&c=2.",
            'See <a href="https://chat.example/a?b=1&amp;c=2" class="cb-link" target="_blank" '
            'rel="noopener noreferrer">https://chat.example/a?b=1&amp;c=2</a>.',
        ),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("<b>no</b>", "&lt;b&gt;no&lt;/b&gt;"),
        ('data:text/html,"x"', "data:text/html,&quot;x&quot;"),
    ],
)
def test_links_in_the_text_are_followed_in_a_tab_of_their_own(text: str, shown: str) -> None:
    assert with_links(text) == shown


@pytest.mark.parametrize(
    "text", ['https://a.example/"onmouseover="x', "https://a.example/<script>x</script>", "https://a.b'x"]
)
def test_link_can_not_leave_its_attribute(text: str) -> None:
    shown = with_links(text)
    assert "<script" not in shown
    assert "'x" not in shown
    assert 'onmouseover="' not in shown


# Sending again, and trying


def press(client: Client, of: Mail) -> HttpResponse:
    return client.post(reverse("admin:core_mail_action", args=[of.pk, "send_again"]))


@pytest.mark.usefixtures("_server")
@pytest.mark.parametrize("state", [MailState.FAILED, MailState.UNKNOWN])
def test_lost_mail_is_sent_again_and_noted(
    browser: Client, owner: User, organization: Organization, state: str
) -> None:
    made = write(organization.pk, state=state)
    WorkItem.objects.all().delete()
    AuditEntry.objects.all().delete()
    answer = press(browser, made)
    made.refresh_from_db()
    entry = AuditEntry.objects.get()
    assert (made.state, WorkItem.objects.count()) == (MailState.QUEUED, 1)
    assert (entry.verb, entry.actor_id, entry.organization_id) == (
        "mail.sent_again",
        owner.pk,
        organization.pk,
    )
    assert "queued again" in said(answer)


@pytest.mark.usefixtures("_server")
@pytest.mark.parametrize(
    ("state", "is_offered"), [(MailState.FAILED, True), (MailState.SENT, False), (MailState.QUEUED, False)]
)
def test_button_is_there_where_it_makes_sense(
    browser: Client, organization: Organization, state: str, is_offered: bool
) -> None:
    made = write(organization.pk, state=state)
    address = reverse("admin:core_mail_action", args=[made.pk, "send_again"])
    assert (address in browser.get(page(made)).content.decode()) == is_offered


@pytest.mark.usefixtures("_server")
def test_sent_mail_is_not_sent_again(browser: Client, organization: Organization) -> None:
    made = write(organization.pk, state=MailState.SENT)
    assert "Only a mail that failed" in said(press(browser, made))


@pytest.mark.usefixtures("_server")
def test_foreign_and_account_mail_is_not_found(browser: Client, mails: dict[str, Mail]) -> None:
    assert [press(browser, mails[name]).status_code for name in ("foreign", "account")] == [404, 404]


def test_sending_again_takes_a_post(browser: Client, mails: dict[str, Mail]) -> None:
    address = reverse("admin:core_mail_action", args=[mails["own"].pk, "send_again"])
    assert browser.get(address).status_code == 405


def test_test_mail_is_written_to_whoever_asks(
    browser: Client, owner: User, organization: Organization
) -> None:
    browser.post(reverse("admin:core_mail_test"))
    made = Mail.objects.get()
    assert (made.to, made.organization_id) == (owner.email, organization.pk)


def test_test_mail_takes_a_post_and_the_right_role(
    browser: Client, browser_of: BrowserOf, editor: User
) -> None:
    address = reverse("admin:core_mail_test")
    assert browser.get(address).status_code == 405
    assert browser_of(editor).post(address).status_code == 403
    assert not Mail.objects.exists()
