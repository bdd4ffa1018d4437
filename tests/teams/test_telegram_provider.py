"""Telegram's adapter: what each answer means, and that its token is nowhere."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from teams.providers import telegram
from teams.providers.base import Chat, NotTaken, Refused, Sent, Unclear
from teams.providers.telegram import TelegramBot, TelegramProblem
from tests.fakes.faults import Fault, Rule
from tests.fakes.telegram import CHAT, TOKEN, TelegramFake, update

SAMPLES = Path(__file__).resolve().parents[2].parent / "shared" / "contracts" / "telegram" / "samples"

GROUP = {"id": int(CHAT), "type": "group", "title": "Operators"}
PERSON = {"id": 15550001, "type": "private", "first_name": "Ada", "last_name": "Example"}


@pytest.fixture
def fake() -> Iterator[TelegramFake]:
    with TelegramFake() as running:
        yield running


def bot(fake: TelegramFake, token: str = TOKEN) -> TelegramBot:
    return TelegramBot(token, base_url=fake.url, deadline=timedelta(seconds=1))


def refusing(fake: TelegramFake, status: int, text: str = "No", **fields: Any) -> None:
    fake.play(Rule(fault=Fault.ERROR, status=status, message=text, **fields))


def test_text_is_sent_as_it_is(fake: TelegramFake) -> None:
    text = "5 < 6 & *bold* _x_ [link](y) `code` 🎉\nAda"
    assert bot(fake).send(CHAT, text) == Sent("1")
    assert [(each["chat_id"], each["text"]) for each in fake.ledger] == [(CHAT, text)]
    assert fake.attempts[0]["body"] == {"chat_id": int(CHAT), "text": text}


def test_channel_is_named(fake: TelegramFake) -> None:
    assert bot(fake).send("@nobodys_channel", "Hello") == Refused(
        "Bad Request: chat not found", ends_chat=True
    )
    assert fake.attempts[0]["body"]["chat_id"] == "@nobodys_channel"


@pytest.mark.parametrize("text", ["x" * 5000, "🎉" * 2100, "x" * 4095 + "🎉🎉"])
def test_text_is_cut_as_telegram_counts(fake: TelegramFake, text: str) -> None:
    assert isinstance(bot(fake).send(CHAT, text), Sent)
    sent = fake.ledger[0]["text"]
    assert sent.endswith("…")
    assert 4094 <= len(sent.encode("utf-16-le")) // 2 <= 4096


def test_text_that_fits_is_not_cut() -> None:
    assert telegram.fitting("🎉" * 2048) == "🎉" * 2048


@pytest.mark.parametrize(
    ("status", "words", "ends_chat"),
    [
        (401, "Unauthorized", True),
        (404, "Not Found", True),
        (403, "Forbidden: bot was blocked by the user", True),
        (400, "Bad Request: chat not found", True),
        (400, "Bad Request: not enough rights to send text messages to the chat", True),
        (400, "Bad Request: group chat was deactivated", True),
        (400, "Bad Request: can't parse entities in message text", False),
        (400, "Bad Request: message is too long", False),
    ],
)
def test_refusal_says_whether_the_chat_is_over(
    fake: TelegramFake, status: int, words: str, ends_chat: bool
) -> None:
    refusing(fake, status, words)
    assert bot(fake).send(CHAT, "Hello") == Refused(words, ends_chat=ends_chat)


def test_telegrams_own_code_counts_and_not_the_status(fake: TelegramFake) -> None:
    refusing(fake, 403, "Bot domain invalid.", code=400)
    assert bot(fake).send(CHAT, "Hello") == Refused("Bot domain invalid.", ends_chat=False)


@pytest.mark.parametrize(("retry_after", "wait"), [("30", 30), ("0", 0), ("999999", 86400)])
def test_too_many_requests_name_a_wait(fake: TelegramFake, retry_after: str, wait: int) -> None:
    refusing(fake, 429, "Too Many Requests", retry_after=retry_after)
    assert bot(fake).send(CHAT, "Hello") == NotTaken("Too Many Requests", timedelta(seconds=wait))


@pytest.mark.parametrize("status", [500, 502])
def test_telegrams_own_trouble_was_not_taken(fake: TelegramFake, status: int) -> None:
    refusing(fake, status, "Internal Server Error")
    assert bot(fake).send(CHAT, "Hello") == NotTaken("Internal Server Error")


@pytest.mark.parametrize("status", [429, 502, 503])
def test_what_stands_in_front_of_telegram_has_not_taken_it(fake: TelegramFake, status: int) -> None:
    fake.play(Rule(fault=Fault.ANSWER, status=status, body="<html>nginx</html>"))
    assert bot(fake).send(CHAT, "Hello") == NotTaken(f"HTTP {status}")


@pytest.mark.parametrize(
    "rule",
    [
        Rule(fault=Fault.ACCEPT_THEN_500),
        Rule(fault=Fault.ACCEPT_THEN_RESET),
        Rule(fault=Fault.ACCEPT_THEN_HANG, seconds=5),
        Rule(fault=Fault.ACCEPT_THEN_ANSWER, status=200, body="<html>"),
        Rule(fault=Fault.ACCEPT_THEN_ANSWER, status=504, body=""),
        Rule(fault=Fault.RESET_BEFORE_ACCEPT),
    ],
    ids=lambda rule: f"{rule.fault} {rule.status}",
)
def test_lost_answer_is_unclear(fake: TelegramFake, rule: Rule) -> None:
    fake.play(rule)
    assert isinstance(bot(fake).send(CHAT, "Hello"), Unclear)


def test_nobody_there_is_not_taken() -> None:
    with TelegramFake() as fake:
        gone = bot(fake)
    assert isinstance(gone.send(CHAT, "Hello"), NotTaken)


def test_a_page_that_is_not_telegram_is_refused_without_blaming_the_chat(fake: TelegramFake) -> None:
    fake.play(Rule(fault=Fault.ANSWER, status=404, body="<html>"))
    outcome = bot(fake).send(CHAT, "Hello")
    assert isinstance(outcome, Refused)
    assert not outcome.ends_chat


def test_moved_chat_is_followed_at_once(fake: TelegramFake) -> None:
    fake.migrate(CHAT, "-1002000000002")
    assert bot(fake).send(CHAT, "Hello") == Sent("1", moved_to="-1002000000002")
    assert [each["chat_id"] for each in fake.ledger] == ["-1002000000002"]


def test_chat_that_moves_for_ever_is_refused(fake: TelegramFake) -> None:
    fake.migrate(CHAT, "-1002")
    fake.migrate("-1002", CHAT)
    assert bot(fake).send(CHAT, "Hello") == Refused("The chat moves from id to id.", ends_chat=True)
    assert len(fake.attempts) == 2


@pytest.mark.parametrize("token", ["", "words", "1:short", f"{TOKEN}/../x", f"{TOKEN}\r\nX: y", f"{TOKEN} "])
def test_token_of_another_shape_never_leaves(fake: TelegramFake, token: str) -> None:
    assert isinstance(bot(fake, token).send(CHAT, "Hello"), Refused)
    assert fake.attempts == []


def test_token_is_in_no_text(fake: TelegramFake) -> None:
    refusing(fake, 400, f"Bad Request: /bot{TOKEN}/sendMessage")
    adapter = bot(fake)
    outcome = adapter.send(CHAT, "Hello")
    with pytest.raises(TelegramProblem) as refusal:
        adapter.chats()
    assert "fiction-token" not in f"{outcome!r} {adapter!r} {refusal.value}"
    fake.__exit__(None, None, None)
    assert "fiction-token" not in repr(adapter.send(CHAT, "Hello"))


def test_chats_are_found_in_every_kind_of_update(fake: TelegramFake) -> None:
    fake.updates = [
        update(1, GROUP),
        update(2, PERSON),
        update(3, {"id": -1001, "type": "channel", "title": "News"}, kind="channel_post"),
        {"update_id": 4, "my_chat_member": {"chat": {"id": -2, "type": "group", "title": "New"}}},
        {
            "update_id": 5,
            "callback_query": {"message": {"chat": {"id": -3, "type": "group", "title": "Old"}}},
        },
        {"update_id": 6, "poll": {"id": "1"}},
        update(7, GROUP),
    ]
    assert bot(fake).chats() == [
        Chat("-3", "Old", "group"),
        Chat("-2", "New", "group"),
        Chat("-1001", "News", "channel"),
        Chat("15550001", "Ada Example", "private"),
        Chat(CHAT, "Operators", "group"),
    ]
    # Nothing is taken away from whoever else reads, and no setting of the bot is changed.
    assert fake.attempts[0]["body"] == {"timeout": 0, "limit": 100}


def test_webhook_is_said_in_words(fake: TelegramFake) -> None:
    fake.has_webhook = True
    with pytest.raises(TelegramProblem, match="webhook is set") as refusal:
        bot(fake).chats()
    assert refusal.value.code == "telegram_webhook_set"


def test_wrong_token_is_said_in_words(fake: TelegramFake) -> None:
    fake.revoke()
    with pytest.raises(TelegramProblem, match="Is the token right"):
        bot(fake).name()


def test_bot_tells_its_name(fake: TelegramFake) -> None:
    assert bot(fake).name() == "@fiction_bot"


@pytest.mark.parametrize(
    "result", ["null", "[]", "[1, null, {}]", '{"a": 1}', '[{"message": {"chat": {"id": "1"}}}]']
)
def test_updates_of_another_shape_are_no_chats(fake: TelegramFake, result: str) -> None:
    fake.play(Rule(fault=Fault.ANSWER, status=200, body=f'{{"ok": true, "result": {result}}}'))
    assert bot(fake).chats() == []


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the contracts are not beside the repository")
def test_published_samples_are_read(fake: TelegramFake) -> None:
    cases = json.loads((SAMPLES / "errors.json").read_text())["cases"]
    for case in cases:
        fake.play(Rule(fault=Fault.ANSWER, status=case["http_status"], body=json.dumps(case["body"])))
        outcome = bot(fake).send(CHAT, "Hello")
        if case["body"]["error_code"] == 429:
            assert outcome == NotTaken(case["body"]["description"], timedelta(seconds=30))
        else:
            assert isinstance(outcome, Refused)
    fake.play(Rule(fault=Fault.ANSWER, status=200, body=(SAMPLES / "get_updates_response.json").read_text()))
    assert [chat.id for chat in bot(fake).chats()] == ["3527065"]
    fake.play(Rule(fault=Fault.ANSWER, status=200, body=(SAMPLES / "get_me_response.json").read_text()))
    assert bot(fake).name() == "@test_bot_username"
