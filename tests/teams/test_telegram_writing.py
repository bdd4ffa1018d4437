"""Plain texts for the chat: exact, once for a key, in order, and with the caller's transaction."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test.utils import CaptureQueriesContext

from chatboost.core.models import WorkItem
from teams.models import Organization, TelegramChat, TelegramMessage
from teams.notifications import telegrams
from teams.notifications.telegrams import Note
from teams.roles import Role
from teams.services import organizations, telegram
from tests import factories
from tests.fakes.faults import Fault, Rule
from tests.fakes.telegram import CHAT, TOKEN, TelegramFake
from tests.teams.notices import told, work_until_quiet

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
def chat(fake: TelegramFake, organization: Organization) -> TelegramChat:
    admin = factories.member(organization, Role.ADMIN)
    return telegram.save(organization=organization, bot_token=TOKEN, chat_id=CHAT, actor=admin)


def notes(organization: Organization, count: int) -> list[Note]:
    return [
        Note(organization=organization, text=f"n{number}", dedupe_key=str(number)) for number in range(count)
    ]


def texts(fake: TelegramFake) -> list[str]:
    return [each["text"] for each in fake.ledger]


@pytest.mark.parametrize("text", ["  New contact: Ada <ada@example.com> & *co*\n\n ", "א🎉", "x" * 4096])
def test_text_arrives_as_it_is(
    fake: TelegramFake, chat: TelegramChat, organization: Organization, text: str
) -> None:
    message = telegrams.write(organization, text, "k")
    assert message is not None
    work_until_quiet([KIND])
    assert texts(fake) == [text]
    message.refresh_from_db()
    assert (message.state, message.external_id, message.chat_id) == ("sent", "1", CHAT)


def test_what_no_database_stores_is_left_out(
    fake: TelegramFake, chat: TelegramChat, organization: Organization
) -> None:
    assert telegrams.write(organization, f"a\0b\ud800c{'x' * 5000}", "\ud800\0")
    work_until_quiet([KIND])
    assert texts(fake) == [f"abc{'x' * 4092}…"]


def test_key_writes_once(fake: TelegramFake, chat: TelegramChat, organization: Organization) -> None:
    assert telegrams.write(organization, "first", "k")
    assert telegrams.write(organization, "second", "k") is None
    assert telegrams.write(organization, "third", "k", object=organization)
    assert WorkItem.objects.filter(kind=KIND).count() == 2
    work_until_quiet([KIND])
    assert texts(fake) == ["first", "third"]


def test_key_of_a_notification_is_another(
    fake: TelegramFake, chat: TelegramChat, organization: Organization
) -> None:
    told(organization, title="A notification", dedupe_key="k")
    assert telegrams.write(organization, "A text", "k")
    assert TelegramMessage.objects.count() == 2


def test_without_a_chat_nothing_is_written(fake: TelegramFake, organization: Organization) -> None:
    assert telegrams.write(organization, "text", "k") is None
    assert (TelegramMessage.objects.count(), WorkItem.objects.filter(kind=KIND).count()) == (0, 0)


def test_many_keep_their_order_and_cost_few_queries(
    fake: TelegramFake, chat: TelegramChat, organization: Organization, django_assert_max_num_queries: Any
) -> None:
    telegrams.write(organization, "before", "1")
    with django_assert_max_num_queries(6) as few:
        written = telegrams.write_all(notes(organization, 3))
    with CaptureQueriesContext(few.connection) as many:
        telegrams.write_all(notes(organization, 100)[3:])
    assert len(many) == len(few)
    assert [message.text if message else None for message in written] == ["n0", None, "n2"]
    work_until_quiet([KIND], rounds=1000)
    assert texts(fake) == ["before", "n0", *(f"n{number}" for number in range(2, 100))]


def test_same_key_twice_in_one_call_is_written_once(
    fake: TelegramFake, chat: TelegramChat, organization: Organization
) -> None:
    first, second = telegrams.write_all([*notes(organization, 1), *notes(organization, 1)])
    assert first is not None
    assert (second, TelegramMessage.objects.get().pk) == (None, first.pk)


def test_many_go_to_the_chats_of_their_organizations(
    fake: TelegramFake,
    chat: TelegramChat,
    organization: Organization,
    other_organization: Organization,
    settings: Any,
) -> None:
    mixed = [*notes(other_organization, 1), *notes(organization, 1)]
    assert [message is None for message in telegrams.write_all(mixed)] == [True, False]
    settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_CHAT_ID = TOKEN, CHAT
    organizations.let_use_installation_chat(organization=other_organization, is_let=True, actor=None)
    assert [message is None for message in telegrams.write_all(mixed)] == [False, True]
    lanes = WorkItem.objects.filter(kind=KIND).values_list("organization_id", "lane")
    assert set(lanes) == {
        (organization.pk, f"telegram:{organization.pk}"),
        (other_organization.pk, "telegram:environment"),
    }


def test_none_is_nothing(organization: Organization) -> None:
    assert telegrams.write_all([]) == []


def test_transaction_that_is_rolled_back_writes_nothing(
    fake: TelegramFake, chat: TelegramChat, organization: Organization
) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        telegrams.write(organization, "text", "k")
        telegrams.board(organization, "k", "text")
        raise RuntimeError
    assert (TelegramMessage.objects.count(), WorkItem.objects.filter(kind=KIND).count()) == (0, 0)
    assert telegrams.write(organization, "text", "k")


def test_lost_answer_is_sent_once_more(
    fake: TelegramFake, chat: TelegramChat, organization: Organization
) -> None:
    fake.play(Rule(fault=Fault.ACCEPT_THEN_RESET, times=1))
    telegrams.write_all(notes(organization, 2))
    work_until_quiet([KIND])
    assert texts(fake) == ["n0", "n0", "n1"]
