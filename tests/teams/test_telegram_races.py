"""Many that write to one chat at once: every key once, one message a board, nobody dead-locked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from chatboost.core.models import WorkItem
from teams.models import Organization, TelegramBoard, TelegramChat, TelegramMessage
from teams.notifications import telegrams
from teams.notifications.telegrams import Note
from tests.core import racing
from tests.fakes.telegram import CHAT, TOKEN


@pytest.fixture(params=racing.DATABASES, autouse=True)
def database(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any
) -> Iterator[None]:
    if request.param == "postgresql":
        yield
        return
    tables = [Organization, TelegramChat, TelegramMessage, TelegramBoard, WorkItem]
    with racing.sqlite_file(tmp_path, monkeypatch, django_db_blocker, tables):
        yield


@pytest.fixture
def organization_id(database: None) -> int:
    def make() -> int:
        organization = Organization.objects.create(name="Acme", slug="acme")
        TelegramChat.objects.create(organization=organization, bot_token=TOKEN, chat_id=CHAT)
        connection.close()
        return organization.pk

    (made,) = racing.in_threads([make])
    return int(made)


def say(organization_id: int, text: str) -> None:
    with transaction.atomic():
        telegrams.board(Organization.objects.get(pk=organization_id), "k", text)


def write(organization_id: int) -> int:
    with transaction.atomic():
        organization = Organization.objects.get(pk=organization_id)
        notes = [Note(organization=organization, text="x", dedupe_key=str(number)) for number in range(20)]
        return sum(message is not None for message in telegrams.write_all(notes))


def rows() -> tuple[int, int, dict[str, int]]:
    (answer,) = racing.in_threads([_read])
    return answer


def _read() -> tuple[int, int, dict[str, int]]:
    kinds = (telegrams.TELEGRAM_KIND, telegrams.BOARD_KIND)
    waiting = {kind: WorkItem.objects.filter(kind=kind).count() for kind in kinds}
    return TelegramBoard.objects.count(), TelegramMessage.objects.count(), waiting


def test_board_that_many_begin_has_one_message_and_owes_one_edit(organization_id: int) -> None:
    jobs = [lambda number=number: say(organization_id, f"n{number}") for number in range(24)]
    racing.in_threads(jobs, threads=12)
    assert rows() == (1, 1, {"teams.telegram": 1, "teams.telegram_board": 1})


def test_keys_that_many_write_are_written_once_with_their_work(organization_id: int) -> None:
    written = racing.in_threads([lambda: write(organization_id)] * 12, threads=12)
    assert sum(written) == 20
    assert rows() == (0, 20, {"teams.telegram": 20, "teams.telegram_board": 0})
