"""Boards: messages of a chat that are kept up to date, by edits in three steps as messages are sent.

The same edit may be made any number of times, so one whose outcome is unknown is simply made again, with
whatever the text is by then. What is never done twice is the message itself: `teams.work.telegram` sends it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from chatboost.core import clock
from chatboost.core.work.kinds import Decision, Defer, Done, EffectKind, Item, Retry, is_last_try
from teams.models import (
    TelegramBoard,
    TelegramBoardState,
    TelegramMessage,
    TelegramMessageState,
)
from teams.notifications import telegrams
from teams.notifications.telegrams import BOARD_PACE, Address, Silence
from teams.providers.base import EditOutcome, Gone, NotTaken, Refused, Sent, Unclear
from teams.services import telegram as chats
from teams.work import telegram_pace
from teams.work.telegram import GAVE_UP, LEFT_ALONE

logger = structlog.get_logger(__name__)

# So many messages of a board may be lost before it is left alone: somebody may not want to read it.
MAX_LOST = 1

LOST_AGAIN = "The message is gone from the chat again; it is left alone."
SUPERSEDED = "Another message has taken its place."


@dataclass(frozen=True, slots=True)
class Intent:
    """One edit to make. `number` counts the board's edits."""

    board_id: int
    number: int
    address: Address
    message_pk: int
    chat_id: str
    message_id: str
    text: str = field(repr=False)


class BoardKind(EffectKind[Intent, EditOutcome]):
    """Makes the messages of boards say what they are to say."""

    name = telegrams.BOARD_KIND

    def prepare(self, items: Sequence[Item]) -> Mapping[int, Intent | Decision]:
        """Record an edit of each board that owes one and whose turn it is."""
        now = clock.now()
        found = _locked([item.subject_id for item in items])
        addresses = telegrams.addresses({board.organization_id for board in found.values()})
        results: dict[int, Intent | Decision] = {}
        for item in items:
            board = found.get(item.subject_id)
            results[item.id] = _begin(board, addresses[board.organization_id], now) if board else Done()
        _save(found.values())
        return results

    def call(self, intent: Intent) -> EditOutcome:
        """Edit the message, once."""
        return chats.bot(intent.address.token).edit(intent.chat_id, intent.message_id, intent.text)

    def settle(
        self, results: Sequence[tuple[Item, Intent, EditOutcome | Exception]]
    ) -> Mapping[int, Decision]:
        """Record what Telegram said."""
        found = _locked([intent.board_id for _, intent, _ in results])
        decisions: dict[int, Decision] = {}
        for item, intent, outcome in results:
            board = found.get(intent.board_id)
            known = Unclear(type(outcome).__name__) if isinstance(outcome, Exception) else outcome
            telegram_pace.heed(intent.address, known)
            if board is not None:
                decisions[item.id] = _settle_one(board, item, intent, known)
        _save(found.values())
        for _, intent, outcome in results:
            _learn_about_chat(found.get(intent.board_id), intent, outcome)
        return decisions

    def on_dead(self, subject_ids: Sequence[int]) -> None:
        """Say that the edit was given up."""
        found = _locked(subject_ids)
        for board in found.values():
            if board.state != TelegramBoardState.CURRENT:
                board.state, board.error = TelegramBoardState.FAILED, GAVE_UP
        _save(found.values())


def _locked(board_ids: Iterable[int]) -> dict[int, TelegramBoard]:
    """Lock boards, and then their messages."""
    found = TelegramBoard.objects.filter(pk__in=board_ids).select_for_update(of=("self",)).order_by("id")
    boards = {board.pk: board for board in found}
    rows = TelegramMessage.objects.filter(pk__in=[board.message_id for board in boards.values()])
    messages = {message.pk: message for message in rows.select_for_update(of=("self",)).order_by("id")}
    for board in boards.values():
        board.message = messages.get(board.message_id or 0)
    return boards


def _save(boards: Iterable[TelegramBoard]) -> None:
    columns = ["state", "error", "message", "edit_count", "message_count", "lost_count", "tried_at"]
    TelegramBoard.objects.bulk_update(list(boards), columns)


# Preparing


def _begin(board: TelegramBoard, address: Address | Silence, now: datetime) -> Intent | Decision:
    """Return the next edit of a board, or what becomes of its work without one."""
    is_tried_again = board.state == TelegramBoardState.FAILED and board.error == GAVE_UP
    if board.state not in (TelegramBoardState.OWED, TelegramBoardState.EDITING) and not is_tried_again:
        return Done()
    if isinstance(address, Silence):
        board.state, board.error = TelegramBoardState.FAILED, address.reason
        return Done()
    message = board.message
    if message is None or not _stands(message, address):
        return _without_message(board, message, address, now)
    due = board.tried_at + BOARD_PACE
    if now < due:
        return _come_back(board, address, due)
    until = telegram_pace.turn(address, now)
    if until:
        return Defer(until)
    board.state, board.error, board.tried_at = TelegramBoardState.EDITING, "", now
    board.edit_count += 1
    return Intent(
        board.pk, board.edit_count, address, message.pk, message.chat_id, message.external_id, board.text
    )


def _stands(message: TelegramMessage, address: Address) -> bool:
    """Tell whether the message can be edited: it is in the chat, by the same bot, and its number is known."""
    bot, _, asked = message.sent_as.partition(":")
    is_here = bot == address.bot and address.chat_id in (asked, message.chat_id)
    return message.state == TelegramMessageState.SENT and is_here and bool(message.external_id)


def _without_message(
    board: TelegramBoard, message: TelegramMessage | None, address: Address, now: datetime
) -> Decision:
    """Send another message, unless the one there is is still to come."""
    if message is None or message.state == TelegramMessageState.FAILED:
        _replace(board, address)
        return Done()
    if message.state == TelegramMessageState.QUEUED:
        # Certainly not there yet: it goes with the newest text.
        message.text = board.text
        message.save(update_fields=["text"])
        board.state, board.error = TelegramBoardState.CURRENT, ""
        return Done()
    if message.state == TelegramMessageState.SENT and message.external_id:
        _replace(board, address)  # it stands in another chat, or is another bot's
        return Done()
    is_left_alone = message.state == TelegramMessageState.UNKNOWN and message.error == LEFT_ALONE
    if is_left_alone or message.state == TelegramMessageState.SENT:
        _lose(board, address)
        return Done()
    return _come_back(board, address, now + BOARD_PACE)


def _come_back(board: TelegramBoard, address: Address, due: datetime) -> Decision:
    """Wait outside of the lane: what is waited for may stand behind us in it."""
    telegrams.owe(board, address, after=due)
    return Done()


def _replace(board: TelegramBoard, address: Address) -> None:
    message = board.message
    if message is not None and message.state == TelegramMessageState.FAILED:
        message.error = SUPERSEDED  # or its dead letter, tried again, would bring it back
        message.save(update_fields=["error"])
    telegrams.post(board, address)


def _lose(board: TelegramBoard, address: Address) -> None:
    """Send another message in place of one that is gone, once."""
    if board.lost_count >= MAX_LOST:
        board.state, board.error = TelegramBoardState.FAILED, LOST_AGAIN
        return
    board.lost_count += 1
    _replace(board, address)


# Settling


def _settle_one(board: TelegramBoard, item: Item, intent: Intent, outcome: EditOutcome) -> Decision:
    if board.message is None or board.message.pk != intent.message_pk:
        return Done()  # another message has taken its place
    if board.edit_count != intent.number:
        _settle_late(board, intent, outcome)
        return Done()
    is_current = board.state == TelegramBoardState.EDITING
    match outcome:
        case Sent():
            board.message.text = intent.text
            board.message.save(update_fields=["text"])
            if is_current:
                board.state = TelegramBoardState.CURRENT
            return Done()
        case Gone(_, moved_to):
            if moved_to:
                _replace(board, intent.address)
            else:
                _lose(board, intent.address)
            return Done()
        case Refused(reason):
            board.error = reason[:300]
            if is_current:
                board.state = TelegramBoardState.FAILED
            return Done()
    return _again(board, item, outcome)


def _again(board: TelegramBoard, item: Item, outcome: NotTaken | Unclear) -> Decision:
    """Make the edit again, after a while; what is unclear may stand there, and does no harm."""
    board.error = outcome.reason[:300]
    is_passing = isinstance(outcome, NotTaken)
    if is_last_try(item, is_passing=is_passing):
        logger.warning("telegram_board_not_changed", board=board.pk)
        board.state = TelegramBoardState.FAILED
        return Done()
    board.state = TelegramBoardState.OWED
    after = outcome.after if isinstance(outcome, NotTaken) and outcome.after else timedelta()
    return Retry(outcome.reason, max(after, BOARD_PACE), is_passing)


def _settle_late(board: TelegramBoard, intent: Intent, outcome: EditOutcome) -> None:
    """An edit that somebody else has made again since: nobody knows which text came last."""
    if isinstance(outcome, Sent | Unclear) and intent.text != board.text:
        board.state = TelegramBoardState.OWED
        telegrams.owe(board, intent.address)


def _learn_about_chat(board: TelegramBoard | None, intent: Intent, outcome: object) -> None:
    """Keep a chat's new id, or that Telegram refuses it."""
    if board is None:
        return
    if isinstance(outcome, Gone) and outcome.moved_to:
        chats.follow(intent.address, to=outcome.moved_to, organization=board.organization)
    elif isinstance(outcome, Refused) and outcome.ends_chat:
        chats.note_refused(intent.address, reason=outcome.reason, organization=board.organization)
