"""Messages to Telegram: once, in order, at the chat's pace, and never without end."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from chatboost.core import clock, pulse
from chatboost.core.errors import Conflict
from chatboost.core.models import AuditEntry, WorkItem, WorkState
from teams.models import (
    Notification,
    NotificationPreference,
    NotificationType,
    Organization,
    TelegramChat,
    TelegramMessage,
    TelegramMessageState,
    User,
)
from teams.roles import Role
from teams.services import organizations, registration, telegram
from teams.work.telegram import REPEATED, TelegramKind
from tests import factories
from tests.fakes.faults import Fault, Rule
from tests.fakes.telegram import CHAT, TOKEN, TelegramFake
from tests.teams.notices import told, work, work_until_quiet

pytestmark = pytest.mark.django_db

KIND = "teams.telegram"


@pytest.fixture
def fake(settings: Any) -> Iterator[TelegramFake]:
    with TelegramFake() as running:
        settings.TELEGRAM_API_URL = running.url
        settings.VENDOR_DEADLINE = timedelta(seconds=1)
        # Redis has a clock of its own, which no test can move: the pace is counted in the database.
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
        yield running


@pytest.fixture
def admin(organization: Organization) -> User:
    return factories.member(organization, Role.ADMIN)


@pytest.fixture
def chat(fake: TelegramFake, organization: Organization, admin: User) -> TelegramChat:
    return telegram.save(organization=organization, bot_token=TOKEN, chat_id=CHAT, actor=admin)


def send(organization: Organization, title: str = "The sun shines", **fields: Any) -> TelegramMessage:
    told(organization, title=title, **fields)
    return TelegramMessage.objects.latest("id")


def state_of(message: TelegramMessage) -> tuple[str, str]:
    message.refresh_from_db()
    return message.state, message.error


def test_message_says_what_was_told(
    fake: TelegramFake, chat: TelegramChat, organization: Organization, settings: Any
) -> None:
    settings.PUBLIC_BASE_URL = "https://chat.example"
    message = send(organization, body="And <b>so</b> on", url="/admin/", severity="warning")
    work_until_quiet([KIND])
    text = "⚠️ The sun shines\n\nAnd <b>so</b> on\n\nhttps://chat.example/admin/\n\n— Acme"
    assert [each["text"] for each in fake.ledger] == [text]
    assert state_of(message) == ("sent", "")
    assert (message.external_id, message.attempt_count) == ("1", 1)
    assert message.sent_at is not None


def test_many_people_are_one_message(
    fake: TelegramFake, chat: TelegramChat, organization: Organization
) -> None:
    factories.member(organization)
    assert len(told(organization)) == 3
    assert TelegramMessage.objects.count() == 1


def test_key_writes_one_message(chat: TelegramChat, organization: Organization) -> None:
    told(organization, dedupe_key="k")
    told(organization, dedupe_key="k")
    assert TelegramMessage.objects.count() == 1
    # Whoever joins meanwhile is told; the chat has read it.
    factories.member(organization)
    assert len(told(organization, dedupe_key="k")) == 1
    assert WorkItem.objects.filter(kind=KIND).count() == TelegramMessage.objects.count() == 1
    told(organization, dedupe_key="another")
    assert TelegramMessage.objects.count() == 2


def test_nobody_wants_it_there_is_no_message(
    chat: TelegramChat, organization: Organization, admin: User
) -> None:
    NotificationPreference.objects.create(
        organization=organization, user=admin, type="system", medium="telegram", is_enabled=False
    )
    assert told(organization, users=[admin])
    assert not TelegramMessage.objects.exists()


def test_without_a_chat_there_is_no_message(fake: TelegramFake, organization: Organization) -> None:
    assert told(organization)
    assert not TelegramMessage.objects.exists()


@pytest.fixture
def environment(settings: Any, organization: Organization) -> None:
    """The installation has a chat, which the organization may use."""
    settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_CHAT_ID = TOKEN, CHAT
    organizations.let_use_installation_chat(organization=organization, is_let=True, actor=None)


def test_environments_chat_stands_in_for_whoever_may_use_it_and_has_none(
    fake: TelegramFake, environment: None, organization: Organization, other_organization: Organization
) -> None:
    organizations.let_use_installation_chat(organization=other_organization, is_let=True, actor=None)
    owner = factories.member(other_organization, Role.ADMIN)
    own = telegram.save(organization=other_organization, bot_token=TOKEN, chat_id="", actor=owner)
    told(other_organization)
    assert not TelegramMessage.objects.exists()
    telegram.remove(own, actor=owner)
    told(organization)
    told(other_organization)
    lanes = set(WorkItem.objects.filter(kind=KIND).values_list("lane", flat=True))
    assert lanes == {"telegram:environment"}
    work_until_quiet([KIND])
    assert [each["text"].splitlines()[-1] for each in fake.ledger] == ["— Acme", "— Globex"]


def test_environments_chat_is_closed_to_strangers(
    fake: TelegramFake, environment: None, organization: Organization
) -> None:
    stranger = registration.register(email="eve@example.com", password="a long enough secret")
    theirs = stranger.memberships.get().organization
    told(theirs)
    assert not TelegramMessage.objects.exists()
    with pytest.raises(Conflict, match="No Telegram chat"):
        telegram.require_chat(theirs)
    telegram.require_chat(organization)


def test_environments_chat_is_closed_again_for_what_waits(
    fake: TelegramFake, environment: None, organization: Organization
) -> None:
    message = send(organization)
    organizations.let_use_installation_chat(organization=organization, is_let=False, actor=None)
    work_until_quiet([KIND])
    assert (state_of(message), fake.ledger) == (("failed", "No Telegram chat is set up."), [])


def test_switched_off_chat_gets_nothing(chat: TelegramChat, organization: Organization, admin: User) -> None:
    waiting = send(organization)
    telegram.save(organization=organization, is_enabled=False, actor=admin)
    told(organization)
    work_until_quiet([KIND])
    assert state_of(waiting) == ("failed", "Telegram is switched off.")
    assert TelegramMessage.objects.count() == 1


def test_group_gets_one_a_second_and_twenty_a_minute_in_order(
    fake: TelegramFake, chat: TelegramChat, organization: Organization
) -> None:
    for number in range(22):
        send(organization, title=f"n{number:02}")
    now, sent_at = clock.now(), []
    for _ in range(400):
        before = len(fake.ledger)
        work(now, kinds=[KIND])
        if len(fake.ledger) > before:
            sent_at.append(now)
        if len(sent_at) == 22:
            break
        now += timedelta(milliseconds=250)
    assert [each["text"].split()[1] for each in fake.ledger] == [f"n{number:02}" for number in range(22)]
    gaps = [after - before for before, after in pairwise(sent_at)]
    assert min(gaps) >= timedelta(seconds=1)
    assert sent_at[20] - sent_at[0] >= timedelta(minutes=1)
    assert sent_at[19] - sent_at[0] < timedelta(seconds=40)


def test_too_many_requests_wait_as_long_as_they_are_told(
    fake: TelegramFake, chat: TelegramChat, organization: Organization
) -> None:
    fake.play(Rule(fault=Fault.ERROR, status=429, message="Too Many Requests", retry_after="30", times=1))
    first, second = send(organization, "first"), send(organization, "second")
    now = clock.now()
    work(now, kinds=[KIND])
    assert state_of(first)[0] == "queued"
    for seconds in (1, 10, 29):
        assert work(now + timedelta(seconds=seconds), kinds=[KIND]) == 0
    work_until_quiet([KIND], now=now + timedelta(seconds=31))
    assert [each["text"].split()[1] for each in fake.ledger] == ["first", "second"]
    assert state_of(second) == ("sent", "")


def test_telegrams_trouble_is_tried_again_until_it_is_over(
    fake: TelegramFake, chat: TelegramChat, organization: Organization
) -> None:
    fake.play(Rule(fault=Fault.ERROR, status=500, message="Internal Server Error", times=3))
    message = send(organization)
    work_until_quiet([KIND])
    assert (state_of(message), message.attempt_count) == (("sent", ""), 4)
    assert len(fake.ledger) == 1


def test_trouble_without_end_ends(
    fake: TelegramFake, chat: TelegramChat, organization: Organization, settings: Any
) -> None:
    settings.WORK_MAX_PASSING_ERRORS = 10
    fake.play(Rule(fault=Fault.ERROR, status=500, message="Internal Server Error"))
    message = send(organization)
    work_until_quiet([KIND])
    assert state_of(message) == ("failed", "Internal Server Error")
    assert len(fake.attempts) == settings.WORK_MAX_PASSING_ERRORS
    assert not WorkItem.objects.filter(kind=KIND).exists()


@pytest.mark.parametrize("fault", [Fault.ACCEPT_THEN_RESET, Fault.ACCEPT_THEN_500, Fault.RESET_BEFORE_ACCEPT])
def test_lost_answer_is_sent_once_more_and_counted(
    fake: TelegramFake,
    chat: TelegramChat,
    organization: Organization,
    fault: Fault,
    django_capture_on_commit_callbacks: Any,
) -> None:
    fake.play(Rule(fault=fault, times=1))
    message = send(organization)
    with django_capture_on_commit_callbacks(execute=True):
        work(kinds=[KIND])
        assert state_of(message)[0] == "unknown"
        work_until_quiet([KIND])
    assert (state_of(message), message.attempt_count) == (("sent", ""), 2)
    assert len(fake.ledger) == (1 if fault is Fault.RESET_BEFORE_ACCEPT else 2)
    assert pulse.values()["telegram_repeated"] == 1


def test_answer_lost_twice_is_left_alone(
    fake: TelegramFake, chat: TelegramChat, organization: Organization
) -> None:
    fake.play(Rule(fault=Fault.ACCEPT_THEN_RESET))
    message = send(organization)
    work_until_quiet([KIND])
    assert state_of(message)[0] == "unknown"
    assert len(fake.ledger) == 2
    assert not WorkItem.objects.filter(kind=KIND).exists()


def test_repeat_that_fails_for_certain_may_be_repeated(
    fake: TelegramFake, chat: TelegramChat, organization: Organization
) -> None:
    fake.play(
        Rule(fault=Fault.ACCEPT_THEN_RESET, times=1),
        Rule(fault=Fault.ERROR, status=500, message="Internal Server Error", times=2),
    )
    message = send(organization)
    work_until_quiet([KIND])
    assert state_of(message) == ("sent", "")
    assert len(fake.ledger) == 2


@pytest.mark.parametrize("crashes", [1, 2])
def test_worker_that_dies_between_intent_and_outcome_doubles_at_most_once(
    fake: TelegramFake, chat: TelegramChat, organization: Organization, crashes: int
) -> None:
    message = send(organization)
    # What a crash leaves: the intent is there, its outcome is not.
    error = REPEATED if crashes == 2 else ""
    TelegramMessage.objects.update(state="sending", attempt_count=crashes, error=error)
    work_until_quiet([KIND])
    assert state_of(message)[0] == ("sent" if crashes == 1 else "unknown")
    assert len(fake.ledger) == (1 if crashes == 1 else 0)


def test_finished_message_is_not_sent_by_a_second_item(
    fake: TelegramFake, chat: TelegramChat, organization: Organization
) -> None:
    message = send(organization)
    item = WorkItem.objects.get(kind=KIND)
    work_until_quiet([KIND])
    WorkItem.objects.create(
        kind=KIND, subject_id=message.pk, organization_id=organization.pk, queue="maintenance", lane=item.lane
    )
    work_until_quiet([KIND], now=clock.now() + timedelta(minutes=5))
    assert len(fake.ledger) == 1


def test_chat_that_became_a_supergroup_is_followed(
    fake: TelegramFake, chat: TelegramChat, organization: Organization
) -> None:
    fake.migrate(CHAT, "-1002000000002")
    first, second = send(organization, "first"), send(organization, "second")
    work_until_quiet([KIND])
    chat.refresh_from_db()
    assert (chat.chat_id, chat.error) == ("-1002000000002", "")
    assert [each["text"].split()[1] for each in fake.ledger] == ["first", "second"]
    assert {state_of(first)[0], state_of(second)[0]} == {"sent"}
    assert [each["body"]["chat_id"] for each in fake.attempts] == [int(CHAT), -1002000000002, -1002000000002]
    moved = AuditEntry.objects.filter(verb="telegram_chat.changed").latest("id")
    assert moved.changes == {"chat_id": [CHAT, "-1002000000002"]}


def test_two_messages_in_flight_move_the_chat_once(
    fake: TelegramFake, chat: TelegramChat, organization: Organization
) -> None:
    fake.migrate(CHAT, "-1002")
    for title in ("first", "second"):
        send(organization, title)
    # As if they had been enqueued for different chats: nothing keeps them apart.
    WorkItem.objects.filter(kind=KIND).update(lane=None)
    entries = AuditEntry.objects.filter(verb="telegram_chat.changed").count()
    work_until_quiet([KIND])
    chat.refresh_from_db()
    assert (chat.chat_id, len(fake.ledger)) == ("-1002", 2)
    assert AuditEntry.objects.filter(verb="telegram_chat.changed").count() == entries + 1


def refuse_token(fake: TelegramFake) -> None:
    fake.revoke()


def refuse_bot(fake: TelegramFake) -> None:
    fake.block(CHAT)


def lose_chat(fake: TelegramFake) -> None:
    fake._chats.clear()


@pytest.mark.parametrize("refuse", [refuse_token, refuse_bot, lose_chat])
def test_refused_chat_stops_and_operators_hear_of_it_elsewhere(
    fake: TelegramFake, chat: TelegramChat, organization: Organization, admin: User, refuse: Any
) -> None:
    refuse(fake)
    messages = [send(organization, title) for title in ("first", "second", "third")]
    editor = factories.member(organization)
    work_until_quiet([KIND])
    chat.refresh_from_db()
    assert chat.error
    assert len(fake.attempts) == 1
    assert {state_of(message)[0] for message in messages} == {"failed"}
    incident = Notification.objects.get(type=NotificationType.INCIDENT, user=admin)
    assert chat.error in incident.body
    assert not Notification.objects.filter(type=NotificationType.INCIDENT, user=editor).exists()
    assert TelegramMessage.objects.count() == 3
    told(organization)
    assert TelegramMessage.objects.count() == 3
    telegram.save(organization=organization, bot_token=f"{TOKEN}-new", actor=admin)
    chat.refresh_from_db()
    assert chat.error == ""


def test_refused_environment_chat_is_told_once_an_hour_and_never_by_itself(
    fake: TelegramFake, environment: None, organization: Organization, admin: User
) -> None:
    fake.block(CHAT)
    start = clock.now().replace(minute=5)
    with clock.frozen(start):
        send(organization, "first")
        send(organization, "second")
    work_until_quiet([KIND], now=start)
    assert TelegramMessage.objects.count() == 2
    assert Notification.objects.filter(type=NotificationType.INCIDENT, user=admin).count() == 1


def test_refused_message_blames_nobody(
    fake: TelegramFake, chat: TelegramChat, organization: Organization
) -> None:
    fake.play(Rule(fault=Fault.ERROR, status=400, message="Bad Request: message is too long", times=1))
    message = send(organization)
    work_until_quiet([KIND])
    chat.refresh_from_db()
    assert (state_of(message), chat.error) == (("failed", "Bad Request: message is too long"), "")
    assert len(fake.attempts) == 1


def test_message_that_was_given_up_goes_when_its_dead_letter_is_tried_again(
    fake: TelegramFake, chat: TelegramChat, organization: Organization
) -> None:
    message = send(organization)
    TelegramKind().on_dead([message.pk])
    assert state_of(message)[0] == "failed"
    work_until_quiet([KIND])
    assert state_of(message)[0] == "sent"


def test_token_is_in_no_row_and_no_log(
    fake: TelegramFake, chat: TelegramChat, organization: Organization, caplog: Any
) -> None:
    fake.revoke()
    send(organization)
    work_until_quiet([KIND])
    rows = [
        *TelegramMessage.objects.values_list("text", "error"),
        *AuditEntry.objects.values_list("changes", "object_label"),
        *Notification.objects.values_list("title", "body"),
        *WorkItem.objects.values_list("last_error", "lane"),
        (repr(chat), str(chat)),
    ]
    assert "fiction-token" not in f"{rows} {caplog.text}"
    assert WorkItem.objects.filter(state=WorkState.DEAD).count() == 0
    assert TelegramMessage.objects.get().state == TelegramMessageState.FAILED
