"""Boards: one message, kept up to date by few edits, across crashes and storms."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from chatboost.core import clock, pulse
from chatboost.core.models import WorkItem
from chatboost.core.work.kinds import Done, Retry
from teams.models import Organization, TelegramBoard, TelegramChat, TelegramMessage, TelegramPause
from teams.notifications import telegrams
from teams.providers.base import NotTaken, Sent, Unclear
from teams.roles import Role
from teams.services import telegram
from teams.work.telegram import REPEATED
from teams.work.telegram_boards import BoardKind, Intent
from tests import factories
from tests.fakes.faults import Fault, Rule
from tests.fakes.telegram import CHAT, TOKEN, TelegramFake
from tests.teams.boards import (
    KINDS,
    board_item,
    calls,
    die,
    edits,
    intent_of,
    owe,
    say,
    state_of,
    waiting,
)
from tests.teams.notices import work, work_until_quiet

pytestmark = pytest.mark.django_db


def test_first_text_is_sent_and_the_next_one_edits_it(
    fake: TelegramFake, shown: TelegramBoard, organization: Organization
) -> None:
    assert fake.standing == ["one"]
    say(organization, "two <b>&")
    assert state_of(shown) == ("owed", "")
    work_until_quiet(KINDS)
    assert (state_of(shown), fake.standing) == (("current", ""), ["two <b>&"])
    assert calls(fake) == [{"chat_id": int(CHAT), "message_id": 1, "text": "two <b>&"}]
    assert shown.message is not None
    assert (shown.message.text, shown.edit_count, shown.message_count) == ("two <b>&", 1, 1)
    assert waiting() == 0


def test_same_text_owes_nothing(fake: TelegramFake, shown: TelegramBoard, organization: Organization) -> None:
    say(organization, "one")
    assert (state_of(shown), waiting()) == (("current", ""), 0)


def test_without_a_chat_there_is_no_board(fake: TelegramFake, organization: Organization) -> None:
    assert telegrams.board(organization, "k", "one") is None
    assert not TelegramBoard.objects.exists()


def test_organizations_and_keys_have_boards_of_their_own(
    fake: TelegramFake, shown: TelegramBoard, organization: Organization, other_organization: Organization
) -> None:
    owner = factories.member(other_organization, Role.ADMIN)
    telegram.save(organization=other_organization, bot_token=TOKEN, chat_id=CHAT, actor=owner)
    say(other_organization, "theirs")
    say(organization, "another", key="l")
    work_until_quiet(KINDS)
    assert sorted(fake.standing) == ["another", "one", "theirs"]


def test_texts_before_the_first_send_are_one_message(
    fake: TelegramFake, chat: TelegramChat, organization: Organization
) -> None:
    fake.play(Rule(fault=Fault.ERROR, status=500, message="Internal Server Error", times=1))
    board = say(organization, "one")
    work(kinds=KINDS)
    now = clock.now() + timedelta(seconds=10)
    say(organization, "two", now)
    say(organization, "three", now)
    work_until_quiet(KINDS, now=now)
    assert (fake.standing, len(fake.ledger)) == (["three"], 1)
    assert state_of(board) == ("current", "")


def test_many_changes_are_few_edits_and_the_last_one_wins(
    fake: TelegramFake, shown: TelegramBoard, organization: Organization
) -> None:
    now, called_at = clock.now() + timedelta(minutes=2), []
    for number in range(100):
        say(organization, f"n{number:02}", now)
        before = len(calls(fake))
        work(now, kinds=KINDS)
        called_at += [now] * (len(calls(fake)) - before)
        now += timedelta(milliseconds=300)
    work_until_quiet(KINDS, now=now)
    assert fake.standing == ["n99"]
    assert 9 <= len(edits(fake)) <= 12
    assert min(after - before for before, after in pairwise(called_at)) >= timedelta(seconds=3)
    assert len(fake.ledger) == 1


def test_edits_take_turns_with_the_chats_messages(
    fake: TelegramFake, shown: TelegramBoard, organization: Organization
) -> None:
    now, called_at = clock.now() + timedelta(minutes=2), []
    for number in range(12):
        with clock.frozen(now):
            telegrams.write(organization, f"m{number:02}", f"m{number}")
        say(organization, f"n{number}", now)
        for _ in range(4):
            before = len(fake.attempts)
            work(now, kinds=KINDS)
            called_at += [now] * (len(fake.attempts) - before)
            now += timedelta(milliseconds=250)
    work_until_quiet(KINDS, now=now)
    assert min(after - before for before, after in pairwise(called_at)) >= timedelta(seconds=1)
    assert [each["text"] for each in fake.ledger[1:]] == [f"m{number:02}" for number in range(12)]
    assert fake.standing[0] == "n11"


def test_too_many_requests_call_nobody_early(
    fake: TelegramFake, shown: TelegramBoard, organization: Organization
) -> None:
    fake.play(Rule(fault=Fault.ERROR, status=429, message="Too Many Requests", retry_after="30", times=1))
    now = clock.now() + timedelta(minutes=2)
    say(organization, "two", now)
    work(now, kinds=KINDS)
    assert len(calls(fake)) == 1
    with clock.frozen(now):
        telegrams.write(organization, "news", "n")
    say(organization, "other", now, key="l")
    for seconds in range(1, 30):
        say(organization, f"after {seconds}", now + timedelta(seconds=seconds))
        work(now + timedelta(seconds=seconds), kinds=KINDS)
    assert (len(calls(fake)), len(fake.ledger)) == (1, 1)
    work_until_quiet(KINDS, now=now + timedelta(seconds=29))
    assert fake.standing == ["after 29", "news", "other"]
    assert state_of(shown) == ("current", "")


def test_message_that_is_told_to_wait_holds_boards_that_came_before_it(
    fake: TelegramFake, shown: TelegramBoard, organization: Organization
) -> None:
    now = clock.now() + timedelta(minutes=2)
    TelegramBoard.objects.update(tried_at=now)
    # The edit waits outside of the lane, with a smaller number than the message's work.
    say(organization, "two", now)
    with clock.frozen(now):
        telegrams.write(organization, "news", "n")
    fake.play(Rule(fault=Fault.ERROR, status=429, message="Too Many Requests", retry_after="60", times=1))
    work(now, kinds=KINDS)
    assert len(calls(fake, "sendMessage")) == 2
    for seconds in range(1, 60):
        work(now + timedelta(seconds=seconds), kinds=KINDS)
    assert (len(calls(fake)), len(calls(fake, "sendMessage"))) == (0, 2)
    work_until_quiet(KINDS, now=now + timedelta(seconds=60))
    assert fake.standing == ["two", "news"]


def test_storm_ends_with_the_newest_text(
    fake: TelegramFake, shown: TelegramBoard, organization: Organization
) -> None:
    fake.play(
        Rule(fault=Fault.ERROR, status=429, message="Too Many Requests", retry_after="5", probability=0.6)
    )
    now = clock.now() + timedelta(minutes=2)
    for number in range(20):
        say(organization, f"n{number}", now)
        work(now, kinds=KINDS)
        now += timedelta(seconds=2)
    fake.play()
    work_until_quiet(KINDS, now=now)
    assert (fake.standing, len(fake.ledger)) == (["n19"], 1)


def test_longer_pause_is_not_cut_short_by_a_shorter_one(
    fake: TelegramFake, shown: TelegramBoard, organization: Organization
) -> None:
    until = clock.now() + timedelta(hours=1)
    TelegramPause.objects.create(chat=f"110000001:{CHAT}", until=until)
    item = board_item(organization, "two")
    BoardKind().settle([(item, intent_of(shown), NotTaken("Too Many", timedelta(seconds=5)))])
    assert TelegramPause.objects.get().until == until


@pytest.mark.parametrize(
    "fault",
    [Fault.ACCEPT_THEN_RESET, Fault.ACCEPT_THEN_500, Fault.RESET_BEFORE_ACCEPT, Fault.ACCEPT_THEN_HANG],
)
def test_edit_whose_answer_was_lost_is_made_again(
    fake: TelegramFake, shown: TelegramBoard, organization: Organization, fault: Fault
) -> None:
    fake.play(Rule(fault=fault, times=2, seconds=2))
    say(organization, "two")
    work_until_quiet(KINDS)
    assert (state_of(shown), fake.standing) == (("current", ""), ["two"])
    assert (len(edits(fake)), len(fake.ledger)) == (1, 1)
    assert "telegram_repeated" not in pulse.values()


def test_not_modified_is_done(fake: TelegramFake, shown: TelegramBoard, organization: Organization) -> None:
    say(organization, "two")
    work_until_quiet(KINDS)
    # What a crash after the call leaves: the edit stands, and nobody has written it down.
    TelegramBoard.objects.update(state="editing")
    TelegramMessage.objects.update(text="one")
    with clock.frozen(clock.now()):
        owe(shown)
    work_until_quiet(KINDS, now=clock.now() + timedelta(minutes=5))
    assert state_of(shown) == ("current", "")
    assert TelegramMessage.objects.get().text == "two"
    assert (len(calls(fake)), edits(fake)) == (2, ["two"])


def test_worker_that_dies_before_the_intent_leaves_an_edit_to_the_next(
    fake: TelegramFake, shown: TelegramBoard, organization: Organization
) -> None:
    die(board_item(organization, "two"))
    work_until_quiet(KINDS, now=clock.now() + timedelta(hours=1))
    assert (state_of(shown), fake.standing, edits(fake)) == (("current", ""), ["two"], ["two"])


@pytest.mark.parametrize("is_called", [False, True])
def test_worker_that_dies_behind_the_intent_leaves_an_edit_to_the_next(
    fake: TelegramFake, shown: TelegramBoard, organization: Organization, is_called: bool
) -> None:
    item = board_item(organization, "two")
    with clock.frozen(clock.now() + timedelta(minutes=1)):
        intent = BoardKind().prepare([item])[item.id]
    assert isinstance(intent, Intent)
    if is_called:
        assert BoardKind().call(intent) == Sent("1")
    say(organization, "three")
    # As the sweep does: the twin that came meanwhile goes.
    WorkItem.objects.exclude(id=item.id).delete()
    die(item)
    work_until_quiet(KINDS, now=clock.now() + timedelta(hours=1))
    assert (state_of(shown), fake.standing) == (("current", ""), ["three"])
    assert edits(fake) == (["two", "three"] if is_called else ["three"])
    assert (len(fake.ledger), waiting()) == (1, 0)


def test_worker_that_dies_with_the_first_send_doubles_it_at_most_once_and_edits_go_on(
    fake: TelegramFake,
    chat: TelegramChat,
    organization: Organization,
    django_capture_on_commit_callbacks: Any,
) -> None:
    board = say(organization, "one")
    # What a crash leaves: the intent is there, its outcome is not.
    TelegramMessage.objects.update(state="sending", attempt_count=1)
    say(organization, "two")
    with django_capture_on_commit_callbacks(execute=True):
        work_until_quiet(KINDS, now=clock.now() + timedelta(minutes=1))
    assert (state_of(board), fake.standing) == (("current", ""), ["two"])
    assert (len(fake.ledger), pulse.values()["telegram_repeated"]) == (1, 1)


def test_first_send_that_is_never_known_is_left_alone_and_replaced_once(
    fake: TelegramFake, chat: TelegramChat, organization: Organization
) -> None:
    board = say(organization, "one")
    TelegramMessage.objects.update(state="sending", attempt_count=2, error=REPEATED)
    say(organization, "two")
    work_until_quiet(KINDS)
    assert (state_of(board), fake.standing) == (("current", ""), ["two"])
    assert (board.message_count, board.lost_count) == (2, 1)
    states = TelegramMessage.objects.order_by("id").values_list("state", flat=True)
    assert list(states) == ["unknown", "sent"]


def test_edit_waits_outside_of_the_lane_for_a_message_that_stands_behind_it(
    fake: TelegramFake, chat: TelegramChat, organization: Organization
) -> None:
    board = say(organization, "one")
    TelegramMessage.objects.update(state="unknown", attempt_count=1)
    # As after a replacement: the edit's work is older than the message's.
    sending = WorkItem.objects.get(kind="teams.telegram")
    say(organization, "two")
    WorkItem.objects.filter(pk=sending.pk).update(id=WorkItem.objects.latest("id").pk + 100)
    now = clock.now() + timedelta(seconds=10)
    WorkItem.objects.filter(kind="teams.telegram").update(run_at=now + timedelta(seconds=5))
    work_until_quiet(KINDS, now=now)
    assert (state_of(board), fake.standing, len(fake.ledger)) == (("current", ""), ["two"], 1)


def test_change_during_an_edit_is_made_after_it(
    fake: TelegramFake, shown: TelegramBoard, organization: Organization
) -> None:
    item = board_item(organization, "two")
    now = clock.now() + timedelta(minutes=1)
    with clock.frozen(now):
        intent = BoardKind().prepare([item])[item.id]
    assert isinstance(intent, Intent)
    say(organization, "three", now)
    outcome = BoardKind().call(intent)
    assert BoardKind().settle([(item, intent, outcome)]) == {item.id: Done()}
    assert (state_of(shown)[0], TelegramMessage.objects.get().text) == ("owed", "two")
    WorkItem.objects.filter(id=item.id).delete()
    work_until_quiet(KINDS, now=now + timedelta(hours=1))
    assert (state_of(shown), fake.standing) == (("current", ""), ["three"])


@pytest.mark.parametrize("outcome", [Sent("1"), Unclear("late")])
def test_edit_that_comes_back_after_another_one_is_put_right(
    fake: TelegramFake, shown: TelegramBoard, organization: Organization, outcome: Any
) -> None:
    for text in ("two", "three"):
        say(organization, text)
        work_until_quiet(KINDS, now=clock.now() + timedelta(minutes=1))
    # A process that stood still made its call only now.
    late = intent_of(shown, number=1)
    BoardKind().call(late)
    assert fake.standing == ["two"]
    item = WorkItem(id=0, kind=KINDS[1], subject_id=shown.pk, organization_id=organization.pk)
    BoardKind().settle([(item, late, outcome)])  # type: ignore[list-item]
    work_until_quiet(KINDS, now=clock.now() + timedelta(minutes=2))
    assert (state_of(shown), fake.standing) == (("current", ""), ["three"])


def test_bug_of_ours_is_tried_again(
    fake: TelegramFake, shown: TelegramBoard, organization: Organization
) -> None:
    item = board_item(organization, "two")
    with clock.frozen(clock.now() + timedelta(minutes=1)):
        intent = BoardKind().prepare([item])[item.id]
    assert isinstance(intent, Intent)
    [decision] = BoardKind().settle([(item, intent, RuntimeError("no"))]).values()
    assert decision == Retry("RuntimeError", timedelta(seconds=3))
    assert state_of(shown) == ("owed", "RuntimeError")
