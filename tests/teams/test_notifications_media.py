"""What follows a notification: its mail, how long it is kept, how it is forgotten; and announcements."""

from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.core.management import CommandError, call_command

from chatboost.core import clock
from chatboost.core.errors import NotFound, ValidationFailed
from chatboost.core.models import AuditEntry, Job, Mail, WorkItem
from chatboost.core.ticks import firing
from chatboost.messaging.services import contacts
from teams.models import (
    Membership,
    Notification,
    NotificationType,
    Organization,
    SecondStep,
    TelegramMessage,
    User,
)
from teams.notifications import announcements, reading
from teams.roles import Role
from teams.services import telegram
from tests import factories
from tests.fakes.telegram import CHAT, TOKEN, TelegramFake, update
from tests.messaging.pipeline import work
from tests.teams.notices import told

pytestmark = pytest.mark.django_db


def incident(organization: Organization, user: User, **fields: Any) -> Notification:
    return told(organization, users=[user], type=NotificationType.INCIDENT, **fields)[0]


# Mail


def test_mail_says_what_was_told_with_a_link(organization: Organization, editor: User, settings: Any) -> None:
    settings.PUBLIC_BASE_URL = "https://chat.example"
    incident(organization, editor, title="A & B <broke>", body="Look at it.", url="/admin/core/workitem/")
    work(clock.now())
    mail = Mail.objects.get()
    assert (mail.to, mail.subject) == (editor.email, "[Acme] A & B <broke>")
    assert mail.organization_id == organization.pk
    assert mail.text.startswith(
        "A & B <broke>\n\nLook at it.\n\nhttps://chat.example/admin/core/workitem/\n\n--\nAcme on ChatBoost."
    )
    assert "https://chat.example/admin/teams/notification/preferences/" in mail.text


def test_mail_without_text_and_link_is_short(organization: Organization, editor: User) -> None:
    incident(organization, editor, title="It broke")
    work(clock.now())
    assert Mail.objects.get().text.startswith("It broke\n\n--\nAcme on ChatBoost.")


def test_each_person_gets_one_mail_however_often_the_work_runs(organization: Organization) -> None:
    factories.member(organization)
    rows = told(organization, type=NotificationType.INCIDENT)
    for _ in range(2):
        work(clock.now())
        for row in rows:
            WorkItem.objects.create(
                kind="teams.notification_mail",
                subject_id=row.pk,
                organization_id=organization.pk,
                queue="maintenance",
            )
    work(clock.now())
    assert Mail.objects.count() == len(rows) == 2


@pytest.mark.parametrize("happens", ["removed", "dismissed", "left", "deactivated"])
def test_mail_is_not_written_to_whoever_has_no_use_for_it(
    organization: Organization, editor: User, happens: str
) -> None:
    row = incident(organization, editor, dedupe_key="k" if happens == "dismissed" else None)
    if happens in ("removed", "dismissed"):
        reading.remove(organization, editor, [row.pk])
    elif happens == "left":
        Membership.objects.filter(user=editor).delete()
    else:
        User.objects.filter(pk=editor.pk).update(is_active=False)
    work(clock.now())
    assert not Mail.objects.exists()


def test_mail_is_not_written_to_whoever_owes_the_second_step(organization: Organization) -> None:
    organization.second_step = SecondStep.ADMINS
    organization.save()
    admin, secured, editor = (
        factories.member(organization, role) for role in (Role.ADMIN, Role.ADMIN, Role.EDITOR)
    )
    totp.TOTP.activate(secured, totp.generate_totp_secret())
    told(organization, users=[admin, secured, editor], type=NotificationType.INCIDENT)

    work(clock.now())

    assert set(Mail.objects.values_list("to", flat=True)) == {secured.email, editor.email}
    assert Notification.objects.filter(user=admin).exclude(seq=None).exists()


def test_address_that_no_server_takes_harms_nobody_else(organization: Organization, editor: User) -> None:
    broken = factories.member(organization)
    User.objects.filter(pk=broken.pk).update(email="no address at all")
    told(organization, users=[editor, broken], type=NotificationType.INCIDENT)
    work(clock.now())
    assert Mail.objects.get().to == editor.email
    assert not WorkItem.objects.filter(kind="teams.notification_mail").exists()


# Kept and forgotten


def tick(name: str, now: datetime) -> None:
    with clock.frozen(now):
        firing.fire(f"retention: {name}", now=now)
    work(now)


def test_read_ones_are_kept_a_month_and_unread_ones_three(organization: Organization, editor: User) -> None:
    ages = {"read 29": 29, "read 31": 31, "unread 31": 31, "unread 91": 91}
    for title, days in ages.items():
        row = told(organization, users=[editor], title=title, type=NotificationType.FLOW_EVENT)[0]
        read_at = clock.now() if title.startswith("read") else None
        Notification.objects.filter(pk=row.pk).update(
            created_at=clock.now() - timedelta(days=days), read_at=read_at
        )
    for name in ("read notifications", "notifications"):
        tick(name, clock.now())
    assert set(Notification.objects.values_list("title", flat=True)) == {"read 29", "unread 31"}


def test_telegram_messages_are_kept_a_month(organization: Organization) -> None:
    for days in (29, 31):
        TelegramMessage.objects.create(
            organization=organization,
            text=str(days),
            state="sent",
            created_at=clock.now() - timedelta(days=days),
        )
    tick("Telegram messages", clock.now())
    assert [message.text for message in TelegramMessage.objects.all()] == ["29"]


def test_erased_contact_is_forgotten_with_its_mails_and_messages(
    organization: Organization, other_organization: Organization, editor: User
) -> None:
    telegram.save(organization=organization, bot_token=TOKEN, chat_id=CHAT, actor=editor)
    contact, other = factories.contact(organization), factories.contact(organization)
    for about in (contact, other):
        told(organization, users=[editor], title=f"About {about.pk}", object=about)
    told(other_organization, title="Elsewhere", object=contact)
    work(clock.now(), kinds=["teams.notification_mail"])
    assert (Mail.objects.count(), TelegramMessage.objects.count()) == (3, 2)
    contacts.erase(contact)
    work(clock.now(), kinds=["event:teams.contact_forgotten"])
    titles = set(Notification.objects.values_list("title", flat=True))
    assert titles == {f"About {other.pk}", "Elsewhere"}
    assert {mail.subject for mail in Mail.objects.all()} == {f"[Acme] About {other.pk}", "[Globex] Elsewhere"}
    assert f"About {other.pk}" in TelegramMessage.objects.get().text


@pytest.mark.parametrize("key", [None, "k"])
def test_erased_contact_is_forgotten_with_mails_whose_notifications_were_removed(
    organization: Organization, editor: User, key: str | None
) -> None:
    contact = factories.contact(organization)
    told(organization, users=[editor], title="About Ada", object=contact, dedupe_key=key)
    work(clock.now(), kinds=["teams.notification_mail"])
    assert reading.remove(organization, editor) == 1
    left = Notification.objects.get()

    contacts.erase(contact)
    work(clock.now(), kinds=["event:teams.contact_forgotten"])

    assert (left.seq, left.title) == (None, "")
    assert not Mail.objects.exists()
    assert not Notification.objects.exists()


# Announcements


def run_job(job: Job) -> Job:
    work(clock.now())
    job.refresh_from_db()
    return job


def test_announcement_reaches_every_member_of_every_active_organization(
    organization: Organization, other_organization: Organization
) -> None:
    factories.member(organization, Role.VIEWER)
    closed = factories.organization()
    Organization.objects.filter(pk=closed.pk).update(is_active=False)
    job = run_job(announcements.start(title="Maintenance at noon", body="Ten minutes.", actor=None))
    rows = Notification.objects.all()
    assert {row.organization_id for row in rows} == {organization.pk, other_organization.pk}
    assert {(row.title, row.type) for row in rows} == {("Maintenance at noon", "system")}
    assert (len(rows), job.state, job.result) == (3, "done", {"people told": 3})
    entry = AuditEntry.objects.get(verb="announcement.sent")
    assert (entry.organization_id, entry.changes["organizations"]) == (0, [None, "all"])


def test_announcement_reaches_one_organization(
    organization: Organization, other_organization: Organization
) -> None:
    run_job(announcements.start(title="Hello", slug="globex", severity="warning", actor=None))
    row = Notification.objects.get()
    assert (row.organization_id, row.severity) == (other_organization.pk, "warning")


def test_announcement_with_a_key_is_told_once(organization: Organization) -> None:
    for _ in range(2):
        run_job(announcements.start(title="Hello", key="2026-noon", actor=None))
    assert Notification.objects.count() == 1
    run_job(announcements.start(title="Hello", actor=None))
    assert Notification.objects.count() == 2


def test_announcement_goes_on_over_many_organizations(db: None) -> None:
    for _ in range(12):
        factories.organization()
    job = run_job(announcements.start(title="Hello", actor=None))
    assert (job.state, job.done_count, Notification.objects.count()) == ("done", 12, 12)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"title": " "}, "title_required"),
        ({"severity": "loud"}, "unknown_severity"),
        ({"key": "k" * 101}, "key_too_long"),
    ],
)
def test_announcement_that_can_not_be_told_is_refused(
    organization: Organization, fields: dict[str, str], code: str
) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        announcements.start(**{"title": "Hello", "actor": None} | fields)
    assert refusal.value.code == code


def test_announcement_to_nobody_is_refused(organization: Organization) -> None:
    with pytest.raises(NotFound):
        announcements.start(title="Hello", slug="nowhere", actor=None)


def test_command_announces(organization: Organization, other_organization: Organization) -> None:
    out = StringIO()
    call_command("send_announcement", "Hello", "--organization", "acme", "--body", "World", stdout=out)
    work(clock.now())
    assert "1 organization " in out.getvalue()
    row = Notification.objects.get()
    assert (row.organization_id, row.body) == (organization.pk, "World")
    with pytest.raises(CommandError, match="nowhere"):
        call_command("send_announcement", "Hello", "--organization", "nowhere")
    with pytest.raises(CommandError):
        call_command("send_announcement", "Hello")


# The chat's id


@pytest.fixture
def bot(settings: Any) -> Any:
    with TelegramFake() as fake:
        settings.TELEGRAM_API_URL = fake.url
        yield fake


def chat_ids(*arguments: str) -> str:
    out = StringIO()
    call_command("telegram_chat_id", *arguments, stdout=out)
    return out.getvalue()


def test_command_lists_the_chats_of_the_environments_bot(bot: TelegramFake, settings: Any, db: None) -> None:
    settings.TELEGRAM_BOT_TOKEN = TOKEN
    assert "Nobody has written to @fiction_bot" in chat_ids()
    bot.updates = [update(1, {"id": int(CHAT), "type": "group", "title": "Operators"})]
    assert chat_ids() == f"{CHAT}\tgroup\tOperators\n"


def test_command_asks_the_bot_of_an_organization(
    bot: TelegramFake, organization: Organization, editor: User
) -> None:
    telegram.save(organization=organization, bot_token=TOKEN, chat_id="", actor=editor)
    bot.updates = [update(1, {"id": int(CHAT), "type": "group", "title": "Operators"})]
    assert CHAT in chat_ids("--organization", "acme")


def test_command_says_what_is_missing(bot: TelegramFake, settings: Any, organization: Organization) -> None:
    settings.TELEGRAM_BOT_TOKEN = ""
    for arguments, words in (
        ((), "TELEGRAM_BOT_TOKEN"),
        (("--organization", "acme"), "No bot"),
        (("--organization", "nowhere"), "nowhere"),
    ):
        with pytest.raises(CommandError, match=words):
            chat_ids(*arguments)
    settings.TELEGRAM_BOT_TOKEN, bot.has_webhook = TOKEN, True
    with pytest.raises(CommandError, match="webhook is set"):
        chat_ids()
