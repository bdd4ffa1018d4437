"""Workers killed around Telegram calls: what is lost is listed, what is doubled counted, a board is right."""

import json
import os
import random
import signal
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.telegram import TelegramFake
from tests.rig import Arm, await_true, database_url, databases, installation

pytestmark = pytest.mark.proof

IS_FULL = os.environ.get("PROOF") == "full"
ROUNDS = 16 if IS_FULL else 2
POINTS = (
    "work.calling",
    "work.called",
    "work.effect_called",
    "work.effect_settled",
    "work.effect_finished",
    "work.effect_committed",
)
# A person's: one message a second, and no more in a minute's limit than that.
CHAT = "15550001"
PATIENCE = 90.0


@pytest.mark.parametrize("database", databases() if IS_FULL else databases()[:1])
def test_killed_workers_lose_only_what_is_listed_and_double_only_what_is_counted(
    database: str, tmp_path: Path
) -> None:
    with (
        TelegramFake(chats=[CHAT]) as fake,
        installation(
            tmp_path, database_url(database, tmp_path), TELEGRAM_API_URL=fake.url, WORK_MAX_CRASHES="99"
        ) as rig,
    ):
        rig.task("connect_chat", CHAT)
        rig.task("say", "begun")
        kills, rng = 0, random.Random(7)
        for _ in range(ROUNDS):
            for name in rng.sample(POINTS, len(POINTS)):
                kills += 1
                rig.task("write_texts", str(kills), "1")
                rig.task("say", f"after {kills}")
                victim = rig.start_worker(arm=Arm(name, hits=rng.randint(1, 2)))
                await_true(lambda pid=victim: not rig.is_alive(pid), PATIENCE, f"{name} was never reached")
                assert rig.ended[victim] == -signal.SIGKILL
        rig.start_worker()
        await_true(lambda: rig.task("telegram_state")["waiting"] == 0, PATIENCE, "work is left")
        state = rig.task("telegram_state")
        effects = effects_of(fake)
        print(f"\n{database}: {kills} kills, {len(effects)} effects, {state}")
    sent = Counter(each["text"] for each in effects if each["method"] == "sendMessage")
    boards = [text for text in sent if not text.startswith("text ")]
    texts = {text: count for text, count in sent.items() if text.startswith("text ")}
    lost = {f"text {number}" for number in range(1, kills + 1)} - set(texts)
    # Killed over twice, and so left alone, whether it went or not.
    assert len(lost) <= state["messages"].get("unknown", 0)
    doubled = sum(count - 1 for count in texts.values()) + sum(sent[text] for text in boards) - 1
    assert doubled <= state["repeated"] <= kills
    assert [board["state"] for board in state["boards"]] == ["current"]
    assert last_text_of_board(effects) == f"after {kills}"


def effects_of(fake: TelegramFake) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{fake.url}/__fake__/effects", timeout=5) as answer:
        found: list[dict[str, Any]] = json.load(answer)["effects"]
    return found


def last_text_of_board(effects: list[dict[str, Any]]) -> str:
    return str([each["text"] for each in effects if not each["text"].startswith("text ")][-1])
