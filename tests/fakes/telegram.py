"""Telegram's Bot API on this machine: bots, chats, what was written there, and answers that go wrong."""

import itertools
import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from tests.fakes import telegram_validation
from tests.fakes.faults import Fault, Rule, Script
from tests.fakes.ledger import Ledger
from tests.fakes.server import Answer, Delivery, LoopbackServer, Request, json_answer

TOKEN = "110000001:fiction-token-of-a-bot-nobody-has"
CHAT = "-1000000000001"

_PATH = re.compile(r"/bot([^/]+)/([A-Za-z]+)")


class TelegramFake:
    """A running fake; use it as a context manager. What was written is in `ledger`: chat_id, text, at.

    Faults match by `chat_id`, `text` and `method`. `migrate` turns a group into a supergroup; `block` and
    `revoke` make a chat or the token refuse; `updates` is what getUpdates has; `has_webhook` shuts it.
    """

    def __init__(
        self, *, port: int = 0, tokens: Sequence[str] = (TOKEN,), chats: Sequence[str] = (CHAT,)
    ) -> None:
        """Bind the port; nothing answers before `start`."""
        self.script = Script()
        self.updates: list[dict[str, Any]] = []
        self.has_webhook = False
        self._tokens = set(tokens)
        self._chats = set(chats)
        self._blocked: set[str] = set()
        self._moved: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._ledger = Ledger()
        self._attempts = Ledger()
        self._server = LoopbackServer(self._respond, port=port)

    @property
    def url(self) -> str:
        """Return the base address, to use in place of https://api.telegram.org."""
        return self._server.url

    @property
    def ledger(self) -> list[dict[str, Any]]:
        """Return what stands in the chats, in order."""
        return self._ledger.entries()

    @property
    def attempts(self) -> list[dict[str, Any]]:
        """Return every call, also refused ones: method, body, fault, at."""
        return self._attempts.entries()

    def play(self, *rules: Rule, seed: int = 0) -> None:
        """Put these faults in force instead of the ones before; none: everything works."""
        self.script.replace(rules, seed=seed)

    def migrate(self, chat_id: str, to: str) -> None:
        """Turn a group into a supergroup with another id."""
        self._moved[chat_id] = to
        self._chats.add(to)

    def block(self, chat_id: str) -> None:
        """Have a chat throw the bot out."""
        self._blocked.add(chat_id)

    def revoke(self, token: str = TOKEN) -> None:
        """Forget a bot's token."""
        self._tokens.discard(token)

    def release(self) -> None:
        """End every hold and hang that is under way."""
        self._server.release()

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()

    def _respond(self, request: Request) -> Answer:
        match = _PATH.fullmatch(request.path)
        token, method = (match[1], match[2]) if match else ("", "")
        body = request.json() if request.body else {}
        fields: Mapping[str, Any] = body if isinstance(body, dict) else {}
        is_known = token in self._tokens
        rule = self.script.next_fault(_facts(method, fields)) if is_known else None
        self._attempts.append(
            {"method": method, "body": body, "fault": rule.fault.value if rule else None, "at": time.time()}
        )
        if not is_known:
            # What does not even look like a token is 404.
            has_shape = re.fullmatch(r"[0-9]+:[\w-]+", token)
            return _error(401, "Unauthorized") if has_shape else _error(404, "Not Found")
        return self._do(method, body) if rule is None else self._misbehave(rule, method, body)

    def _misbehave(self, rule: Rule, method: str, body: Any) -> Answer:
        match rule.fault:
            case Fault.ERROR:
                wait = int(rule.retry_after) if rule.retry_after else None
                parameters = {"retry_after": wait} if wait is not None else None
                return _error(rule.status, rule.message, code=rule.code, parameters=parameters)
            case Fault.ANSWER:
                return _raw(rule)
            case Fault.RESET_BEFORE_ACCEPT:
                return Answer(delivery=Delivery.RESET)
            case Fault.HOLD:
                self._server.wait_for_release(rule.seconds)
                return self._do(method, body)
        answer = self._do(method, body)
        match rule.fault:
            case Fault.ACCEPT_THEN_HANG:
                return Answer(delivery=Delivery.HANG, seconds=rule.seconds)
            case Fault.ACCEPT_THEN_RESET:
                return Answer(delivery=Delivery.RESET)
            case Fault.ACCEPT_THEN_500:
                return Answer(status=500, body=b"<html>Sorry.</html>", content_type="text/html")
            case Fault.ACCEPT_THEN_ANSWER:
                return _raw(rule)
            case Fault.TRICKLE:
                return replace(answer, delivery=Delivery.TRICKLE, seconds=rule.seconds)
        raise ValueError(f"Telegram knows no {rule.fault}")

    def _do(self, method: str, body: Any) -> Answer:
        """Do what Telegram does on a good day."""
        if method not in ("getMe", "getUpdates", "sendMessage"):
            return _error(404, "Not Found: method not found")
        try:
            telegram_validation.check(method, body)
        except telegram_validation.Refused as problem:
            return _error(400, str(problem))
        match method:
            case "getMe":
                return _ok(
                    {"id": 110000001, "is_bot": True, "first_name": "Fiction", "username": "fiction_bot"}
                )
            case "getUpdates" if self.has_webhook:
                return _error(
                    409,
                    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook first",
                )
            case "getUpdates":
                return _ok(self.updates)
        return self._write(str(body["chat_id"]), body["text"])

    def _write(self, chat_id: str, text: str) -> Answer:
        if chat_id in self._moved:
            parameters = {"migrate_to_chat_id": int(self._moved[chat_id])}
            message = "Bad Request: group chat was upgraded to a supergroup chat"
            return _error(400, message, parameters=parameters)
        if chat_id in self._blocked:
            return _error(403, "Forbidden: bot was kicked from the supergroup chat")
        if chat_id not in self._chats:
            return _error(400, "Bad Request: chat not found")
        with self._lock:
            number = next(self._numbers)
        self._ledger.append({"message_id": number, "chat_id": chat_id, "text": text, "at": time.time()})
        chat = {"id": int(chat_id), "type": "supergroup", "title": "Operators"}
        return _ok({"message_id": number, "date": int(time.time()), "chat": chat, "text": text})


def update(number: int, chat: Mapping[str, Any], *, kind: str = "message") -> dict[str, Any]:
    """Make an update of a kind, in which somebody has written into a chat."""
    said = {"message_id": number, "date": 1_700_000_000, "chat": dict(chat), "text": "/start"}
    return {"update_id": number, kind: said}


def _facts(method: str, fields: Mapping[str, Any]) -> dict[str, str]:
    """Name what a rule can match."""
    return {
        "method": method,
        "chat_id": str(fields.get("chat_id", "")),
        "text": str(fields.get("text", "")),
    }


def _ok(result: Any) -> Answer:
    return json_answer({"ok": True, "result": result})


def _error(
    status: int, description: str, *, code: int | None = None, parameters: Mapping[str, Any] | None = None
) -> Answer:
    body: dict[str, Any] = {"ok": False, "error_code": code or status, "description": description}
    if parameters:
        body["parameters"] = dict(parameters)
    return json_answer(body, status=status)


def _raw(rule: Rule) -> Answer:
    return Answer(status=rule.status, body=rule.body.encode(), content_type=rule.content_type)
