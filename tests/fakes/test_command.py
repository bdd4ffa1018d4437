"""The fakes as processes of their own, as crash tests and people run them."""

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from chatboost.messaging.providers.base import Accepted
from chatboost.messaging.providers.whatsapp import WhatsAppProvider
from teams.providers.base import Sent
from teams.providers.telegram import TelegramBot
from tests.fakes.receiver import WebhookReceiver
from tests.fakes.telegram import TOKEN
from tests.messaging.provider_messages import credentials, outbound

ROOT = Path(__file__).resolve().parents[2]

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "tests.fakes", *arguments]
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_graph_serves_until_it_is_told_to_stop(start: Start, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    with WebhookReceiver() as receiver:
        process = start(
            "graph",
            *("--access-token", "own-token", "--phone-number-id", "42", "--statuses", "sent"),
            *("--webhook", receiver.url, "--ledger", str(ledger)),
        )
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        provider = WhatsAppProvider(credentials(url, access_token="own-token", phone_number_id="42"))

        outcome = provider.send(outbound(tracker="t-1"))
        receiver.wait_for(1)
        process.send_signal(signal.SIGTERM)

        assert process.wait(10) == 0
    assert isinstance(outcome, Accepted)
    assert [json.loads(line)["wamid"] for line in ledger.read_text(encoding="utf-8").splitlines()] == [
        outcome.external_id
    ]


def test_graph_plays_a_script_from_a_file(start: Start, tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"rules": [{"fault": "error", "code": 131047}]}), encoding="utf-8")
    process = start("graph", "--script", str(script))
    assert process.stdout is not None

    outcome = WhatsAppProvider(credentials(process.stdout.readline().strip())).send(outbound())

    assert outcome.error.code == 131047


def test_telegram_serves_and_tells_what_was_done(start: Start, tmp_path: Path) -> None:
    effects = tmp_path / "effects.jsonl"
    process = start("telegram", "--chat", "5", "--effects", str(effects))
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    bot = TelegramBot(TOKEN, base_url=url, deadline=timedelta(seconds=5))

    assert bot.send("5", "Hello") == Sent("1")
    process.send_signal(signal.SIGTERM)

    assert process.wait(10) == 0
    assert [json.loads(line)["text"] for line in effects.read_text(encoding="utf-8").splitlines()] == [
        "Hello"
    ]


def test_mautic_serves_people_and_writes_effects_down(start: Start, tmp_path: Path) -> None:
    effects = tmp_path / "effects.jsonl"
    process = start("mautic", "--contacts", "3", "--effects", str(effects))
    assert process.stdout is not None
    url = f"{process.stdout.readline().strip()}/__fake__/contacts"
    with urllib.request.urlopen(url, timeout=5) as answer:
        people = json.load(answer)
    process.send_signal(signal.SIGTERM)

    assert process.wait(10) == 0
    assert len(people) == 3
    assert effects.exists()


@pytest.mark.parametrize("arguments", [(), ("pigeon",)])
def test_an_unknown_fake_shows_the_names(start: Start, arguments: tuple[str, ...]) -> None:
    process = start(*arguments)
    _, errors = process.communicate(timeout=20)

    assert process.returncode == 2
    assert "graph" in errors
