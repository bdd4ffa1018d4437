"""Boards whose message is gone, whose chat moves or refuses, and boards that are forgotten."""

from datetime import timedelta
from typing import Any

import pytest

from chatboost.core import clock
from chatboost.core.ticks import registered
from teams import privacy
from teams.models import Organization, TelegramBoard, TelegramChat, TelegramMessage, User
from teams.notifications import telegrams
from teams.services import organizations, telegram
from teams.work.telegram import GAVE_UP
from teams.work.telegram_boards import LOST_AGAIN, BoardKind
from tests.fakes.faults import Fault, Rule
from tests.fakes.telegram import CHAT, TOKEN, TelegramFake
from tests.teams.boards import EDIT, KINDS, SUPERGROUP, calls, say, state_of, waiting
from tests.teams.notices import work_until_quiet

pytestmark = pytest.mark.django_db


def test_message_that_was_deleted_is_replaced_once(
    fake: TelegramFake, shown: TelegramBoard, organization: Organization
) -> None:
    fake.erase(1)
    say(organization, "two")
    now = work_until_quiet(KINDS)
    assert (state_of(shown), fake.standing, len(fake.ledger)) == (("current", ""), ["two"], 2)
    say(organization, "three", now)
    now = work_until_quiet(KINDS, now=now)
    assert fake.standing == ["three"]
    fake.erase(2)
    say(organization, "four", now)
    now = work_until_quiet(KINDS, now=now)
    assert (state_of(shown), fake.standing) == (("failed", LOST_AGAIN), [])
    say(organization, "five", now)
    work_until_quiet(KINDS, now=now)
    assert (len(fake.ledger), waiting()) == (2, 0)


@pytest.mark.parametrize("words", ["Bad Request: message can't be edited", "Bad Request: MESSAGE_ID_INVALID"])
def test_message_that_is_too_old_is_replaced(
    fake: TelegramFake, shown: TelegramBoard, organization: Organization, words: str
) -> None:
    fake.play(Rule(fault=Fault.ERROR, status=400, message=words, match=EDIT, times=1))
    say(organization, "two")
    work_until_quiet(KINDS)
    assert (state_of(shown), fake.standing) == (("current", ""), ["one", "two"])


def test_chat_that_became_a_supergroup_gets_a_message_of_its_own(
    fake: TelegramFake, shown: TelegramBoard, chat: TelegramChat, organization: Organization
) -> None:
    fake.migrate(CHAT, SUPERGROUP)
    # Another message has the same number there, and must stay as it is.
    telegrams.write(organization, "news", "n")
    say(organization, "two")
    now = work_until_quiet(KINDS)
    say(organization, "three", now)
    work_until_quiet(KINDS, now=now)
    chat.refresh_from_db()
    assert (chat.chat_id, chat.error) == (SUPERGROUP, "")
    assert fake.standing == ["one", "news", "three"]
    assert (state_of(shown), shown.lost_count) == (("current", ""), 0)


def test_edit_finds_out_that_the_chat_has_moved(
    fake: TelegramFake, shown: TelegramBoard, chat: TelegramChat, organization: Organization
) -> None:
    fake.migrate(CHAT, SUPERGROUP)
    say(organization, "two")
    work_until_quiet(KINDS)
    chat.refresh_from_db()
    assert (chat.chat_id, fake.standing) == (SUPERGROUP, ["one", "two"])
    assert [each["chat_id"] for each in calls(fake, "sendMessage")] == [int(CHAT), int(SUPERGROUP)]


def test_environments_chat_that_has_moved_keeps_its_board(
    fake: TelegramFake, organization: Organization, settings: Any
) -> None:
    settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_CHAT_ID = TOKEN, CHAT
    organizations.let_use_installation_chat(organization=organization, is_let=True, actor=None)
    fake.migrate(CHAT, SUPERGROUP)
    board, now = say(organization, "one"), clock.now()
    for text in ("two", "three"):
        now = work_until_quiet(KINDS, now=now)
        say(organization, text, now)
    work_until_quiet(KINDS, now=now)
    assert (state_of(board), fake.standing) == (("current", ""), ["three"])
    assert {each["chat_id"] for each in calls(fake)} == {int(SUPERGROUP)}


def test_another_chat_gets_a_message_and_its_own_stay(
    fake: TelegramFake, shown: TelegramBoard, organization: Organization, admin: User
) -> None:
    fake.migrate("-5", "-6")  # so that -6 is known
    telegram.save(organization=organization, chat_id="-6", actor=admin)
    telegrams.write(organization, "news", "n")
    say(organization, "two")
    work_until_quiet(KINDS)
    assert (fake.standing, calls(fake)) == (["one", "news", "two"], [])


def test_refused_chat_stops_edits_until_it_is_set_right(
    fake: TelegramFake, shown: TelegramBoard, chat: TelegramChat, organization: Organization, admin: User
) -> None:
    fake.block(CHAT)
    say(organization, "two")
    work_until_quiet(KINDS)
    chat.refresh_from_db()
    assert chat.error
    assert (state_of(shown), len(calls(fake))) == (("failed", chat.error), 1)
    assert telegrams.board(organization, "k", "three") is None
    fake._blocked.clear()
    telegram.save(organization=organization, bot_token=f"{TOKEN}-new", actor=admin)
    fake._tokens.add(f"{TOKEN}-new")
    now = clock.now() + timedelta(minutes=1)
    say(organization, "four", now)
    work_until_quiet(KINDS, now=now)
    assert (state_of(shown), fake.standing) == (("current", ""), ["four"])


def test_refused_edit_blames_nobody_and_the_next_text_goes(
    fake: TelegramFake, shown: TelegramBoard, chat: TelegramChat, organization: Organization
) -> None:
    fake.play(Rule(fault=Fault.ERROR, status=400, message="Bad Request: no", match=EDIT, times=1))
    say(organization, "two")
    now = work_until_quiet(KINDS)
    chat.refresh_from_db()
    assert (state_of(shown), chat.error) == (("failed", "Bad Request: no"), "")
    say(organization, "three", now)
    work_until_quiet(KINDS, now=now)
    assert (state_of(shown), fake.standing) == (("current", ""), ["three"])


def test_first_send_that_was_refused_is_made_up_for_by_the_next_text(
    fake: TelegramFake, chat: TelegramChat, organization: Organization
) -> None:
    fake.play(Rule(fault=Fault.ERROR, status=400, message="Bad Request: no", times=1))
    board = say(organization, "one")
    now = work_until_quiet(KINDS)
    say(organization, "two", now)
    work_until_quiet(KINDS, now=now)
    assert (state_of(board), fake.standing) == (("current", ""), ["two"])
    assert (board.message_count, board.lost_count) == (2, 0)


def test_trouble_without_end_ends_and_another_text_tries_again(
    fake: TelegramFake, shown: TelegramBoard, organization: Organization, settings: Any
) -> None:
    settings.WORK_MAX_PASSING_ERRORS = 10
    fake.play(Rule(fault=Fault.ERROR, status=500, message="Internal Server Error"))
    say(organization, "two")
    now = work_until_quiet(KINDS)
    assert state_of(shown) == ("failed", "Internal Server Error")
    assert len(calls(fake)) == settings.WORK_MAX_PASSING_ERRORS
    assert waiting() == 0
    fake.play()
    say(organization, "three", now)
    work_until_quiet(KINDS, now=now)
    assert (state_of(shown), fake.standing) == (("current", ""), ["three"])


def test_edit_that_was_given_up_goes_when_its_dead_letter_is_tried_again(
    fake: TelegramFake, shown: TelegramBoard, organization: Organization
) -> None:
    say(organization, "two")
    BoardKind().on_dead([shown.pk])
    assert state_of(shown) == ("failed", GAVE_UP)
    work_until_quiet(KINDS)
    assert (state_of(shown), fake.standing) == (("current", ""), ["two"])


def test_switched_off_chat_gets_no_edit(
    fake: TelegramFake, shown: TelegramBoard, organization: Organization, admin: User
) -> None:
    say(organization, "two")
    telegram.save(organization=organization, is_enabled=False, actor=admin)
    work_until_quiet(KINDS)
    assert (state_of(shown), calls(fake)) == (("failed", "Telegram is switched off."), [])


def test_erasing_an_object_forgets_its_board_and_texts(
    fake: TelegramFake, chat: TelegramChat, organization: Organization, admin: User
) -> None:
    for subject in (admin, organization):
        telegrams.board(organization, "k", "board", object=subject)
        telegrams.write(organization, "text", "k", object=subject)
    privacy.forget(organization.pk, "teams.user", admin.pk)
    assert (TelegramBoard.objects.count(), TelegramMessage.objects.count()) == (1, 2)
    work_until_quiet(KINDS)
    assert sorted(fake.standing) == ["board", "text"]


def tidy() -> None:
    for name in ("boards", "messages"):
        registered()[f"retention: Telegram {name}"].run(clock.now())


def test_board_that_still_changes_keeps_its_message(
    fake: TelegramFake, shown: TelegramBoard, organization: Organization
) -> None:
    telegrams.write(organization, "text", "t")
    work_until_quiet(KINDS)
    long_ago = clock.now() - timedelta(days=40)
    TelegramMessage.objects.update(created_at=long_ago)
    tidy()
    assert [row.text for row in TelegramMessage.objects.all()] == ["one"]
    TelegramBoard.objects.update(changed_at=long_ago)
    tidy()
    assert not TelegramBoard.objects.exists()
    assert not TelegramMessage.objects.exists()
