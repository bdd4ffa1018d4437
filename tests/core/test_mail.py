"""Mail: written once beside what it is about, delivered once, and honest about what nobody can know."""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.template import TemplateDoesNotExist
from django.test.utils import override_settings

from chatboost.core import clock, files, mail
from chatboost.core.errors import Conflict, ValidationFailed
from chatboost.core.mail import rendering
from chatboost.core.mail.rendering import Rendered
from chatboost.core.models import AuditEntry, Mail, MailState, WorkItem, WorkState
from chatboost.core.work import claim
from chatboost.core.work.drain import run
from chatboost.core.work.kinds import Item
from chatboost.core.work.sweep import sweep
from tests.fakes.smtp import Action, Fault, SmtpServer, Step

pytestmark = pytest.mark.django_db

HELLO = Rendered(subject="Hello", text="Hello Ada,\n\nhttps://chat.example/go?a=1&b=2\n")
Serve = Callable[..., SmtpServer]


@pytest.fixture
def serve(settings: Any) -> Iterator[Serve]:
    """Start a mail server and make it ours: `serve(*faults)`."""
    running: list[SmtpServer] = []

    def start(*faults: Fault, **kwargs: Any) -> SmtpServer:
        server = SmtpServer(*faults, **kwargs).__enter__()
        running.append(server)
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        return server

    yield start
    for server in running:
        server.__exit__(None, None, None)


@pytest.fixture(autouse=True)
def _addresses(settings: Any) -> None:
    settings.PUBLIC_BASE_URL = "https://chat.example"
    settings.DEFAULT_FROM_EMAIL = "ChatBoost <noreply@chat.example>"


def write(**fields: Any) -> Mail:
    return mail.queue_rendered(**{"to": "ada@example.com", "content": HELLO, "template": "test"} | fields)


def work_until_quiet(now: datetime | None = None, rounds: int = 12) -> int:
    """Run what is due, hour by hour, so that no back-off is waited for; returns how often."""
    now = now or clock.now()
    for number in range(rounds):
        items = claim.claim("interactive", limit=10, now=now, kinds=["core.mail"])
        if not items:
            return number
        run(items, now=lambda now=now: now)
        now += timedelta(hours=2)
    return rounds


# Writing


def test_mail_without_a_server_is_kept_and_owes_nothing(settings: Any) -> None:
    settings.EMAIL_HOST = ""
    assert write().state == MailState.KEPT
    assert not WorkItem.objects.exists()


def test_mail_with_a_server_is_queued_with_its_work(serve: Serve) -> None:
    serve()
    made = write(organization_id=7)
    item = WorkItem.objects.get()
    assert made.state == MailState.QUEUED
    assert (item.kind, item.subject_id, item.organization_id) == ("core.mail", made.pk, 7)


@pytest.mark.django_db(transaction=True)
def test_mail_of_a_rolled_back_transaction_is_never_written(serve: Serve) -> None:
    serve()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        write()
        _ = 1 / 0
    assert not Mail.objects.exists()
    assert not WorkItem.objects.exists()


def test_mail_from_a_template_has_its_subject_and_text() -> None:
    made = mail.queue(to="ada@example.com", template="test", context={"name": "Ada & <Bob>"})
    assert made.subject == "Mail from ChatBoost works"
    assert made.text.startswith("Hello Ada & <Bob>,")
    assert "https://chat.example" in made.text
    assert made.html == ""


def test_mail_from_a_template_with_html_escapes_there_alone(settings: Any, tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    folder.mkdir()
    for ending in ("txt", "subject.txt", "html"):
        (folder / f"greeting.{ending}").write_text("Hi {{ name }}")
    with override_settings(TEMPLATES=[{**settings.TEMPLATES[0], "DIRS": [str(tmp_path)]}]):
        made = mail.queue(to="ada@example.com", template="greeting", context={"name": "<b>&"})
    assert (made.subject, made.text, made.html) == ("Hi <b>&", "Hi <b>&\n", "Hi &lt;b&gt;&amp;")


def test_mail_from_an_unknown_template_is_a_bug() -> None:
    with pytest.raises(TemplateDoesNotExist):
        mail.queue(to="ada@example.com", template="nothing", context={})


def test_dedupe_key_writes_one_mail_in_an_organization(serve: Serve) -> None:
    serve()
    first = mail.queue(to="ada@example.com", template="test", context={}, dedupe_key="job:1")
    again = mail.queue(to="bob@example.com", template="test", context={}, dedupe_key="job:1")
    other = mail.queue(
        to="ada@example.com", template="test", context={}, dedupe_key="job:1", organization_id=2
    )
    assert again == first
    assert other != first
    assert WorkItem.objects.count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(
    "sqlite" in settings.DATABASES["default"]["ENGINE"],
    reason="SQLite's writers stand in line",
)
def test_dedupe_key_in_a_race_writes_one_mail() -> None:
    made: list[int] = []
    start = threading.Barrier(6)

    def one() -> None:
        start.wait()
        made.append(write(dedupe_key="job:1").pk)
        connection.close()

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len(set(made)), Mail.objects.count()) == (6, 1, 1)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "ada@",
        "@example.com",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com\nBcc: eve@example.com",
        "ada@example.com,eve@example.com",
        "ada@example.com;eve@example.com",
        "ada@example.com eve@example.com",
        "Ada <ada@example.com>",
        "<ada@example.com>",
        '"ada\r\nRCPT TO:<eve@example.com>"@example.com',
        '"ada eve"@example.com',
        "ada@example.com>\r\nRCPT TO:<eve@example.com",
        "ada\x00@example.com",
        "ada\u2028@example.com",
        "ada%eve@example.com",
        "ada!eve@example.com",
        "a" * 65 + "@" + "b" * 200 + ".example",
        "аda@example.com",
    ],
)
def test_address_that_is_not_one_person_is_refused(address: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        write(to=address)
    assert refused.value.code == "invalid_address"
    assert not Mail.objects.exists()


@pytest.mark.parametrize(
    "subject", ["Hi\r\nBcc: eve@example.com", "Hi\nBcc: eve@example.com", "Hi\x0b\x85Bcc: eve@example.com"]
)
def test_subject_is_one_header_line_whatever_it_holds(serve: Serve, subject: str) -> None:
    server = serve()
    write(content=Rendered(subject=subject, text="Hello"))
    work_until_quiet()
    message = server.taken[0].message
    assert message["Subject"] == "Hi Bcc: eve@example.com"
    assert message["Bcc"] is None
    assert server.taken[0].recipients == ("ada@example.com",)


def test_subject_that_is_too_long_ends_with_dots() -> None:
    assert len(rendering.one_line("word " * 100)) == rendering.MAX_SUBJECT


@pytest.mark.parametrize(
    ("url", "sender", "domain"),
    [
        ("https://chat.example", "noreply@mail.example", "chat.example"),
        ("http://127.0.0.1:8000", "noreply@mail.example", "127.0.0.1"),
        ("http://[::1]:8000", "ChatBoost <noreply@mail.example>", "mail.example"),
        ("", "nobody", "localhost"),
    ],
)
def test_message_id_is_of_our_domain(settings: Any, url: str, sender: str, domain: str) -> None:
    settings.PUBLIC_BASE_URL, settings.DEFAULT_FROM_EMAIL = url, sender
    made = write().message_id
    assert made.startswith("<")
    assert made.endswith(f"@{domain}>")


def test_words_are_encrypted_at_rest() -> None:
    made = write()
    with connection.cursor() as cursor:
        cursor.execute("SELECT text FROM core_mail WHERE id = %s", [made.pk])
        assert "Hello" not in cursor.fetchone()[0]


# Sending


def test_sent_mail_carries_its_headers_and_both_bodies(serve: Serve) -> None:
    server = serve()
    made = write(
        to="ada@büro.example", content=Rendered(subject="Grüße", text="Schöne Grüße", html="<p>Schöne</p>")
    )
    work_until_quiet()
    made.refresh_from_db()
    (taken,) = server.taken
    assert (made.state, made.attempt_count, made.error) == (MailState.SENT, 1, "")
    assert made.sent_at is not None
    assert (taken.sender, taken.recipients) == ("noreply@chat.example", ("ada@xn--bro-hoa.example",))
    assert taken.message["Message-ID"] == made.message_id
    assert taken.message["Subject"] == "Grüße"
    assert taken.message["From"] == "ChatBoost <noreply@chat.example>"
    assert taken.message["Auto-Submitted"] == "auto-generated"
    plain, html = taken.message.iter_parts()
    assert (plain.get_content().strip(), html.get_content().strip()) == ("Schöne Grüße", "<p>Schöne</p>")
    assert not WorkItem.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_attachment_goes_along(serve: Serve) -> None:
    server = serve()
    file = files.write(
        organization_id=3,
        purpose="export",
        permission="core.view_file",
        name="list.csv",
        content_type="text/csv",
        chunks=[b"a;b\r\n", "1;ü\r\n".encode("latin-1")],
        expires_in=None,
    )
    write(organization_id=3, file_uuids=[file.uuid])
    work_until_quiet()
    (part,) = server.taken[0].message.iter_attachments()
    assert part.get_filename() == "list.csv"
    assert part.get_payload(decode=True).splitlines() == [b"a;b", b"1;\xfc"]


@pytest.mark.django_db(transaction=True)
def test_attachment_of_another_organization_fails_the_mail(serve: Serve) -> None:
    server = serve()
    file = files.write(
        organization_id=3,
        purpose="export",
        permission="core.view_file",
        name="list.csv",
        content_type="text/csv",
        chunks=[b"secret"],
        expires_in=None,
    )
    made = write(organization_id=4, file_uuids=[file.uuid])
    work_until_quiet()
    made.refresh_from_db()
    assert (made.state, server.taken) == (MailState.FAILED, [])
    assert "attachment is gone" in made.error


@pytest.mark.parametrize(
    ("reply", "step"),
    [
        ("421 4.3.2 Shutting down", Step.MAIL),
        ("451 4.7.1 Greylisted", Step.RCPT),
        ("452 4.2.2 Full", Step.BODY),
    ],
)
def test_not_now_is_tried_again_until_taken(serve: Serve, reply: str, step: Step) -> None:
    server = serve(Fault(step=step, reply=reply, times=2))
    made = write()
    assert work_until_quiet() == 3
    made.refresh_from_db()
    assert (made.state, made.attempt_count, len(server.taken)) == (MailState.SENT, 3, 1)


def test_not_now_waits_in_line_with_the_reason(serve: Serve) -> None:
    serve(Fault(step=Step.RCPT, reply="451 4.7.1 Greylisted"))
    made = write()
    written_at = clock.now()
    work_until_quiet(rounds=1)
    made.refresh_from_db()
    item = WorkItem.objects.get()
    assert (made.state, made.error) == (MailState.QUEUED, "451 4.7.1 Greylisted")
    assert (item.state, item.error_count) == (WorkState.READY, 1)
    # The wait has full jitter: it may be over by now, but it began after the answer.
    assert item.run_at > written_at


def test_not_now_for_ever_fails_and_owes_nothing(serve: Serve, settings: Any) -> None:
    serve(Fault(step=Step.RCPT, reply="451 4.7.1 Greylisted", times=None))
    made = write()
    settings.WORK_MAX_PASSING_ERRORS = 10
    assert work_until_quiet() == settings.WORK_MAX_PASSING_ERRORS
    made.refresh_from_db()
    assert made.state == MailState.FAILED
    assert not WorkItem.objects.exists()


def test_no_such_recipient_fails_at_once(serve: Serve) -> None:
    server = serve(Fault(step=Step.RCPT, reply="550 5.1.1 No such user"))
    made = write()
    assert work_until_quiet() == 1
    made.refresh_from_db()
    assert (made.state, made.error) == (MailState.FAILED, "550 5.1.1 No such user")
    assert server.taken == []


def test_lost_answer_is_sent_once_more_under_the_same_message_id(serve: Serve) -> None:
    server = serve(Fault(step=Step.BODY, action=Action.ACCEPT_THEN_DROP))
    made = write()
    work_until_quiet(rounds=1)
    made.refresh_from_db()
    assert made.state == MailState.UNKNOWN
    work_until_quiet(clock.now() + timedelta(hours=2))
    made.refresh_from_db()
    assert (made.state, made.attempt_count) == (MailState.SENT, 2)
    assert [taken.message["Message-ID"] for taken in server.taken] == [made.message_id] * 2
    assert server.taken[0].raw == server.taken[1].raw


def test_lost_answer_twice_is_left_to_an_operator(serve: Serve) -> None:
    server = serve(Fault(step=Step.BODY, action=Action.ACCEPT_THEN_DROP, times=None))
    made = write()
    assert work_until_quiet() == 2
    made.refresh_from_db()
    assert (made.state, made.attempt_count, len(server.taken)) == (MailState.UNKNOWN, 2, 2)
    assert not WorkItem.objects.exists()


@pytest.mark.parametrize("reply", ["451 4.7.1 Later", "550 5.7.1 Seen already"])
def test_refusal_after_a_lost_answer_never_says_failed(serve: Serve, reply: str, settings: Any) -> None:
    settings.WORK_MAX_PASSING_ERRORS = 10
    server = serve(Fault(step=Step.BODY, action=Action.ACCEPT_THEN_DROP))
    made = write()
    work_until_quiet(rounds=1)
    server.faults = [Fault(step=Step.RCPT, reply=reply, times=None)]
    work_until_quiet(clock.now() + timedelta(hours=2))
    made.refresh_from_db()
    assert (made.state, made.error) == (MailState.UNKNOWN, reply)
    assert not WorkItem.objects.exists()


def test_not_now_after_a_lost_answer_keeps_the_one_more_try(serve: Serve) -> None:
    server = serve(Fault(step=Step.BODY, action=Action.ACCEPT_THEN_DROP))
    made = write()
    work_until_quiet(rounds=1)
    server.faults = [Fault(step=Step.RCPT, reply="451 4.7.1 Later")]
    work_until_quiet(clock.now() + timedelta(hours=2))
    made.refresh_from_db()
    assert (made.state, made.attempt_count, len(server.taken)) == (MailState.SENT, 3, 2)


def leased(now: datetime) -> Item:
    """Claim the one item, which may have crashed a worker before."""
    (item,) = [
        item
        for suspect in (False, True)
        for item in claim.claim("interactive", limit=1, now=now, kinds=["core.mail"], suspect=suspect)
    ]
    return item


def after_the_crash(now: datetime) -> datetime:
    """Let the lease run out; returns when the item is due again."""
    sweep(now=now + settings.WORK_LEASE + timedelta(seconds=1))
    return now + timedelta(hours=2)


def prepared(item: Item) -> Any:
    with transaction.atomic():
        return mail.DELIVERY.prepare([item])[item.id]


def test_crash_while_sending_is_sent_once_more_then_left(serve: Serve) -> None:
    server = serve()
    made = write()
    now = clock.now()
    for _ in range(2):
        assert prepared(leased(now)).mail_id == made.pk
        now = after_the_crash(now)
    run([leased(now)], now=lambda: now)
    made.refresh_from_db()
    assert (made.state, made.attempt_count, server.taken) == (MailState.UNKNOWN, 2, [])
    assert not WorkItem.objects.exists()


def test_crash_after_sending_doubles_once_under_the_same_message_id(serve: Serve) -> None:
    server = serve()
    made = write()
    now = clock.now()
    mail.DELIVERY.call(prepared(leased(now)))  # and the worker dies
    now = after_the_crash(now)
    run([leased(now)], now=lambda: now)
    made.refresh_from_db()
    assert made.state == MailState.SENT
    assert [taken.message["Message-ID"] for taken in server.taken] == [made.message_id] * 2


def test_outcome_of_a_stale_attempt_changes_nothing_but_a_yes_counts(serve: Serve) -> None:
    serve()
    made = write()
    item = leased(clock.now())
    old, new = prepared(item), prepared(item)
    with transaction.atomic():
        mail.DELIVERY.settle([(item, old, OSError("reset"))])
    made.refresh_from_db()
    assert made.state == MailState.SENDING
    with transaction.atomic():
        mail.DELIVERY.settle([(item, old, mail.DELIVERY.call(new))])
    made.refresh_from_db()
    assert made.state == MailState.SENT


def test_mail_that_is_gone_owes_nothing(serve: Serve) -> None:
    serve()
    write()
    Mail.objects.all().delete()
    assert work_until_quiet() == 1
    assert not WorkItem.objects.exists()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (MailState.QUEUED, MailState.FAILED),
        (MailState.SENDING, MailState.UNKNOWN),
        (MailState.SENT, MailState.SENT),
    ],
)
def test_work_that_died_leaves_the_mail_to_an_operator(before: str, after: str) -> None:
    made = write()
    Mail.objects.filter(pk=made.pk).update(state=before)
    mail.DELIVERY.on_dead([made.pk])
    made.refresh_from_db()
    assert made.state == after


# Sending again


@pytest.mark.parametrize("state", [MailState.FAILED, MailState.UNKNOWN])
def test_sending_again_keeps_the_message_id_and_is_audited(serve: Serve, state: str) -> None:
    server = serve()
    made = write(organization_id=5)
    WorkItem.objects.all().delete()
    Mail.objects.filter(pk=made.pk).update(state=state, error="550 no")
    mail.send_again(mail=made, actor=None)
    work_until_quiet()
    made.refresh_from_db()
    entry = AuditEntry.objects.get()
    assert (made.state, made.error) == (MailState.SENT, "")
    assert [taken.message["Message-ID"] for taken in server.taken] == [made.message_id]
    assert (entry.verb, entry.organization_id) == ("mail.sent_again", 5)


@pytest.mark.parametrize("state", [MailState.SENT, MailState.QUEUED, MailState.SENDING, MailState.KEPT])
def test_sending_again_what_is_not_lost_is_refused(serve: Serve, state: str) -> None:
    serve()
    made = write()
    Mail.objects.filter(pk=made.pk).update(state=state)
    with pytest.raises(Conflict) as refused:
        mail.send_again(mail=made, actor=None)
    assert refused.value.code == "mail_not_resendable"


def test_sending_again_without_a_server_is_refused(settings: Any) -> None:
    settings.EMAIL_HOST = ""
    with pytest.raises(Conflict) as refused:
        mail.send_again(mail=write(), actor=None)
    assert refused.value.code == "no_mail_server"
