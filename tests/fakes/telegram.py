"""Telegram's Bot API on this machine: bots, chats, what was written there, and answers that go wrong.

Other processes look in and steer over HTTP:

    GET  /__fake__/effects    sent and edited, in order       GET  /__fake__/ledger    sent
    GET  /__fake__/attempts   every call, also refused ones   POST /__fake__/release   end every hold
    POST /__fake__/script     {"rules": […], "seed": 0}
"""

import itertools
import re
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.fakes import telegram_validation
from tests.fakes.faults import Fault, Rule, Script
from tests.fakes.ledger import Ledger
from tests.fakes.server import Answer, Delivery, LoopbackServer, Request, json_answer

TOKEN = "110000001:fiction-token-of-a-bot-nobody-has"
CHAT = "-1000000000001"

_PATH = re.compile(r"/bot([^/]+)/([A-Za-z]+)")
_CONTROL = "/__fake__/"
_SAME = (
    "Bad Request: message is not modified: specified new message content and reply markup are exactly the "
    "same as a current content and reply markup of the message"
)
_METHODS = ("getMe", "getUpdates", "sendMessage", "editMessageText")


class TelegramFake:
    """A running fake; use it as a context manager. What was written is in `ledger`: chat_id, text, at.

    Faults match by `chat_id`, `text` and `method`. `migrate` turns a group into a supergroup, where its
    messages can't be edited; `block` and `revoke` make a chat or the token refuse; `erase` deletes a message;
    `updates` is what getUpdates has; `has_webhook` shuts it.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        tokens: Sequence[str] = (TOKEN,),
        chats: Sequence[str] = (CHAT,),
        effects_path: Path | None = None,
    ) -> None:
        """Bind the port; nothing answers before `start`. Effects are lines of JSON in the file, too."""
        self.script = Script()
        self.updates: list[dict[str, Any]] = []
        self.has_webhook = False
        self._tokens = set(tokens)
        self._chats = set(chats)
        self._blocked: set[str] = set()
        self._moved: dict[str, str] = {}
        # A supergroup's own, so that a number means another message in another chat.
        self._numbers: defaultdict[str, itertools.count[int]] = defaultdict(lambda: itertools.count(1))
        self._lock = threading.Lock()
        self._standing: dict[tuple[str, int], str] = {}
        self._effects = Ledger(effects_path)
        self._attempts = Ledger()
        self._server = LoopbackServer(self._respond, port=port)

    @property
    def url(self) -> str:
        """Return the base address, to use in place of https://api.telegram.org."""
        return self._server.url

    @property
    def ledger(self) -> list[dict[str, Any]]:
        """Return the messages that were sent, in order, each with its first text."""
        return [entry for entry in self.effects if entry["method"] == "sendMessage"]

    @property
    def effects(self) -> list[dict[str, Any]]:
        """Return what was done, in order: method, message_id, chat_id, text, at."""
        return self._effects.entries()

    @property
    def standing(self) -> list[str]:
        """Return the texts that people see in the chats, the oldest message first."""
        with self._lock:
            return list(self._standing.values())

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

    def erase(self, message_id: int, chat_id: str = CHAT) -> None:
        """Delete a message, as a person in the chat may."""
        with self._lock:
            del self._standing[chat_id, message_id]

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
        self._effects.close()

    def _respond(self, request: Request) -> Answer:
        if request.path.startswith(_CONTROL):
            return self._control(request)
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

    def _control(self, request: Request) -> Answer:
        match request.method, request.path.removeprefix(_CONTROL):
            case "GET", ("effects" | "ledger" | "attempts") as name:
                return json_answer({name: getattr(self, name)})
            case "POST", "release":
                self.release()
            case "POST", "script":
                try:
                    given = request.json()
                    self.play(*map(Rule.from_json, given["rules"]), seed=given.get("seed", 0))
                except (ValueError, TypeError, KeyError) as problem:
                    return json_answer({"error": f"{type(problem).__name__}: {problem}"}, status=400)
            case _:
                return json_answer({"error": f"There is no {request.method} {request.path}"}, status=400)
        return json_answer({"ok": True})

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
        if method not in _METHODS:
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
        chat_id = str(body["chat_id"])
        if refusal := self._refusal(chat_id):
            return refusal
        if method == "editMessageText":
            return self._edit(chat_id, body["message_id"], body["text"])
        with self._lock:
            number = next(self._numbers[chat_id])
            return self._write(method, chat_id, number, body["text"])

    def _refusal(self, chat_id: str) -> Answer | None:
        if chat_id in self._moved:
            parameters = {"migrate_to_chat_id": int(self._moved[chat_id])}
            message = "Bad Request: group chat was upgraded to a supergroup chat"
            return _error(400, message, parameters=parameters)
        if chat_id in self._blocked:
            return _error(403, "Forbidden: bot was kicked from the supergroup chat")
        if chat_id not in self._chats:
            return _error(400, "Bad Request: chat not found")
        return None

    def _edit(self, chat_id: str, number: int, text: str) -> Answer:
        with self._lock:
            shown = self._standing.get((chat_id, number))
            if shown is None:
                return _error(400, "Bad Request: message to edit not found")
            if shown == text:
                return _error(400, _SAME)
            return self._write("editMessageText", chat_id, number, text)

    def _write(self, method: str, chat_id: str, number: int, text: str) -> Answer:
        """Have a message say this; the caller holds the lock, so effects are in the order they came about."""
        self._standing[chat_id, number] = text
        effect = {"method": method, "message_id": number, "chat_id": chat_id, "text": text, "at": time.time()}
        self._effects.append(effect)
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
