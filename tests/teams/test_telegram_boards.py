"""Boards: one message, kept up to date by few edits, across crashes, storms and lost messages."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.conf import settings as configured

from chatboost.core import clock, pulse
from chatboost.core.models import WorkItem
from chatboost.core.ticks import registered
from chatboost.core.work import claim
from chatboost.core.work.kinds import Done, Retry
from teams import privacy
from teams.models import Organization, TelegramBoard, TelegramChat, TelegramMessage, TelegramPause, User
from teams.notifications import telegrams
from teams.providers.base import NotTaken, Sent, Unclear
from teams.roles import Role
from teams.services import organizations, telegram
from teams.work.telegram import GAVE_UP, REPEATED
from teams.work.telegram_boards import LOST_AGAIN, BoardKind, Intent
from tests import factories
from tests.fakes.faults import Fault, Rule
from tests.fakes.telegram import CHAT, TOKEN, TelegramFake
from tests.teams.notices import work, work_until_quiet

pytestmark = pytest.mark.django_db

KINDS = ["teams.telegram", "teams.telegram_board"]
EDIT = {"method": "editMessageText"}
SUPERGROUP = "-1002000000002"


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


def say(organization: Organization, text: str, at: datetime | None = None, key: str = "k") -> TelegramBoard:
    with clock.frozen(at or clock.now()):
        board = telegrams.board(organization, key, text)
    assert board is not None
    return board


@pytest.fixture
def shown(chat: TelegramChat, organization: Organization) -> TelegramBoard:
    """A board that stands in the chat and says "one"."""
    board = say(organization, "one", clock.now() - timedelta(minutes=1))
    work_until_quiet(KINDS)
    board.refresh_from_db()
    return board


def state_of(board: TelegramBoard) -> tuple[str, str]:
    board.refresh_from_db()
    return board.state, board.error


def edits(fake: TelegramFake) -> list[str]:
    return [each["text"] for each in fake.effects if each["method"] == "editMessageText"]


def calls(fake: TelegramFake, method: str = "editMessageText") -> list[dict[str, Any]]:
    return [each["body"] for each in fake.attempts if each["method"] == method]


def waiting() -> int:
    return WorkItem.objects.filter(kind__in=KINDS).count()


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


def board_item(organization: Organization, text: str) -> Any:
    """Owe an edit, and lease its work."""
    say(organization, text)
    [item] = claim.claim("maintenance", limit=9, now=clock.now() + timedelta(minutes=1), kinds=KINDS)
    return item


def die(item: Any) -> None:
    """Leave a worker's item to the next one."""
    WorkItem.objects.filter(id=item.id).update(state="ready", token=None, lease_until=None)


def intent_of(board: TelegramBoard, number: int = 0, text: str = "two") -> Intent:
    board.refresh_from_db()
    address = telegrams.address_of(board.organization)
    assert isinstance(address, telegrams.Address)
    assert board.message_id is not None
    return Intent(board.pk, number, address, board.message_id, CHAT, "1", text)


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


def owe(board: TelegramBoard) -> None:
    address = telegrams.address_of(board.organization)
    assert isinstance(address, telegrams.Address)
    telegrams.owe(board, address)


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
    fake: TelegramFake, shown: TelegramBoard, organization: Organization
) -> None:
    fake.play(Rule(fault=Fault.ERROR, status=500, message="Internal Server Error"))
    say(organization, "two")
    now = work_until_quiet(KINDS)
    assert state_of(shown) == ("failed", "Internal Server Error")
    assert len(calls(fake)) == configured.WORK_MAX_ERRORS
    assert waiting() == 0
    fake.play()
    say(organization, "three", now)
    work_until_quiet(KINDS, now=now)
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
