"""Helpers of the boards' tests."""

from datetime import datetime, timedelta
from typing import Any

from chatboost.core import clock
from chatboost.core.models import WorkItem
from chatboost.core.work import claim
from teams.models import Organization, TelegramBoard
from teams.notifications import telegrams
from teams.work.telegram_boards import Intent
from tests.fakes.telegram import CHAT, TelegramFake

KINDS = ["teams.telegram", "teams.telegram_board"]
EDIT = {"method": "editMessageText"}
SUPERGROUP = "-1002000000002"


def say(organization: Organization, text: str, at: datetime | None = None, key: str = "k") -> TelegramBoard:
    with clock.frozen(at or clock.now()):
        board = telegrams.board(organization, key, text)
    assert board is not None
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


def owe(board: TelegramBoard) -> None:
    address = telegrams.address_of(board.organization)
    assert isinstance(address, telegrams.Address)
    telegrams.owe(board, address)
