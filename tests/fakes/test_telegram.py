"""The Telegram fake: what is done is written down, and other processes may read and steer it."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.telegram import CHAT, TOKEN, TelegramFake

SUPERGROUP = "-1002000000002"


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[TelegramFake]:
    with TelegramFake(effects_path=tmp_path / "effects.jsonl") as running:
        yield running


def call(fake: TelegramFake, path: str, body: Any = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{fake.url}{path}", data), timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as problem:
        return problem.code, json.load(problem)


def bot(fake: TelegramFake, method: str, **fields: Any) -> tuple[int, Any]:
    return call(fake, f"/bot{TOKEN}/{method}", {"chat_id": int(CHAT), **fields})


def test_edit_changes_what_stands(fake: TelegramFake) -> None:
    bot(fake, "sendMessage", text="one")
    status, answer = bot(fake, "editMessageText", message_id=1, text="two")
    assert (status, answer["result"]["message_id"], answer["result"]["text"]) == (200, 1, "two")
    assert (fake.standing, [each["text"] for each in fake.ledger]) == (["two"], ["one"])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"message_id": 1, "text": "one"}, "message is not modified"),
        ({"message_id": 2, "text": "two"}, "message to edit not found"),
        ({"message_id": "1", "text": "two"}, "message_id: missing or of another type"),
        ({"text": "two"}, "missing or of another type"),
        ({"message_id": 1, "text": " "}, "text is empty"),
        ({"message_id": 1, "text": "x" * 4097}, "too long"),
        ({"message_id": 1, "text": "two", "chat_id": 5}, "chat not found"),
    ],
)
def test_bad_edit_is_refused(fake: TelegramFake, fields: dict[str, Any], words: str) -> None:
    bot(fake, "sendMessage", text="one")
    status, answer = bot(fake, "editMessageText", **fields)
    assert (status, answer["ok"]) == (400, False)
    assert words in answer["description"]
    assert fake.standing == ["one"]


def test_message_of_a_chat_that_has_moved_is_not_edited(fake: TelegramFake) -> None:
    bot(fake, "sendMessage", text="one")
    fake.migrate(CHAT, SUPERGROUP)
    status, answer = bot(fake, "editMessageText", message_id=1, text="two")
    assert (status, answer["parameters"]) == (400, {"migrate_to_chat_id": int(SUPERGROUP)})
    assert bot(fake, "editMessageText", chat_id=int(SUPERGROUP), message_id=1, text="two")[0] == 400


def test_effects_are_read_by_other_processes(fake: TelegramFake, tmp_path: Path) -> None:
    bot(fake, "sendMessage", text="one")
    bot(fake, "editMessageText", message_id=1, text="two")
    bot(fake, "editMessageText", message_id=1, text="two")
    _, answer = call(fake, "/__fake__/effects")
    assert [(each["method"], each["text"]) for each in answer["effects"]] == [
        ("sendMessage", "one"),
        ("editMessageText", "two"),
    ]
    lines = (tmp_path / "effects.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == answer["effects"]
    assert len(call(fake, "/__fake__/attempts")[1]["attempts"]) == 3
    assert call(fake, "/__fake__/ledger")[1]["ledger"] == answer["effects"][:1]


def test_faults_are_played_by_other_processes(fake: TelegramFake) -> None:
    rule = {
        "fault": "error",
        "status": 429,
        "retry_after": "5",
        "match": {"method": "sendMessage"},
        "times": 1,
    }
    assert call(fake, "/__fake__/script", {"rules": [rule]}) == (200, {"ok": True})
    status, answer = bot(fake, "sendMessage", text="one")
    assert (status, answer["parameters"]) == (429, {"retry_after": 5})
    assert bot(fake, "sendMessage", text="one")[0] == 200
    assert call(fake, "/__fake__/release", {}) == (200, {"ok": True})


@pytest.mark.parametrize("path", ["/__fake__/script", "/__fake__/nothing"])
def test_control_that_makes_no_sense_is_refused(fake: TelegramFake, path: str) -> None:
    assert call(fake, path, {"rules": [{"fault": "nonsense"}]})[0] == 400
