"""Telegram's Bot API.

Which answers are certain: an envelope with `"ok": false` is Telegram's own verdict, and so is "not taken";
502 and 503 come from in front of it. A success without a readable envelope, and any other 5xx without one,
may come from a proxy behind which the message was taken.

Source: core.telegram.org/bots/api 10.1: "Making requests", sendMessage, editMessageText, getUpdates,
ResponseParameters.
"""

import functools
import os
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from chatboost.core.errors import DomainError
from chatboost.core.http import client as http
from teams.providers.base import Chat, EditOutcome, Gone, NotTaken, Outcome, Refused, Sent, Unclear

# Telegram counts UTF-16 units. Source: sendMessage, "1-4096 characters after entities parsing".
MAX_TEXT_UNITS = 4096
MAX_ANSWER_BYTES = 4 * 1024 * 1024
MAX_RETRY_AFTER = timedelta(days=1)
MAX_REASON = 300
MAX_CHATS = 50

TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{20,100}")
CHAT_ID = re.compile(r"-?[0-9]{1,19}|@[A-Za-z][A-Za-z0-9_]{3,63}")

# In front of Telegram, and so before anything was done.
_BEFORE_TELEGRAM = {429, 502, 503}
# A 400 that is about the chat, by Telegram's words for it; any other is about the one message.
_CHAT_WORDS = re.compile(
    r"chat not found|chat_id|peer_id_invalid|deactivated|kicked|blocked|not a member|rights"
    r"|chat_write_forbidden|is not accessible|topic_closed",
    re.IGNORECASE,
)
# The message stands there with this text already.
_SAME_WORDS = re.compile(r"message is not modified", re.IGNORECASE)
# It was deleted, is too old, or is no message of this bot.
_GONE_WORDS = re.compile(
    r"message to edit not found|message can't be edited|message_id_invalid|message_edit_time_expired"
    r"|message_author_required|message identifier is not specified",
    re.IGNORECASE,
)


class TelegramProblem(DomainError):
    """Telegram can't be asked, or says no; the message is for people."""

    status = 409
    default_code = "telegram_refused"


class TelegramBot:
    """One bot. Safe to share between threads; its token is in no text that leaves here."""

    def __init__(self, token: str, *, base_url: str, deadline: timedelta) -> None:
        """Prepare the adapter; nothing is sent."""
        self._token = token
        self._base_url = base_url
        self._deadline = deadline

    def __repr__(self) -> str:
        return f"<TelegramBot {self._token.partition(':')[0][:20]}>"

    def send(self, chat_id: str, text: str) -> Outcome:
        """Send plain text. A group that has become a supergroup is followed, once. Never raises."""
        outcome, moved_to = self._post("sendMessage", chat_id, text)
        if not moved_to:
            return outcome
        # The first one was refused, so this is no double.
        outcome, moves_again = self._post("sendMessage", moved_to, text)
        if moves_again:
            return Refused("The chat moves from id to id.", ends_chat=True)
        return Sent(outcome.external_id, moved_to) if isinstance(outcome, Sent) else outcome

    def edit(self, chat_id: str, message_id: str, text: str) -> EditOutcome:
        """Give a message of the bot another text; may be repeated. Never raises.

        A chat that has moved is not followed: its messages have other numbers there, or none.
        """
        outcome, moved_to = self._post("editMessageText", chat_id, text, message_id=int(message_id))
        if moved_to:
            return Gone("The chat has moved.", moved_to)
        if isinstance(outcome, Refused) and _SAME_WORDS.search(outcome.reason):
            return Sent(message_id)
        if isinstance(outcome, Refused) and _GONE_WORDS.search(outcome.reason):
            return Gone(outcome.reason)
        return Sent(message_id) if isinstance(outcome, Sent) else outcome

    def name(self) -> str:
        """Return the bot's @name. Raises: TelegramProblem."""
        return f"@{_word(self._ask('getMe').get('username'))}"

    def chats(self) -> list[Chat]:
        """Return the chats in the bot's waiting updates, the latest first; takes none of them away.

        Raises: TelegramProblem (`telegram_refused, telegram_webhook_set, telegram_unreachable`).
        """
        updates = self._ask("getUpdates", {"timeout": 0, "limit": 100})
        found = {chat.id: chat for update in _list(updates) for chat in _chats_in(update)}
        return list(reversed(found.values()))[:MAX_CHATS]

    def _post(self, method: str, chat_id: str, text: str, **more: int) -> tuple[Outcome, str]:
        """Call once; returns the outcome, and where the chat has moved to if that is why it was refused."""
        chat = int(chat_id) if not chat_id.startswith("@") else chat_id
        try:
            answer = self._call(method, {"chat_id": chat, **more, "text": fitting(text)})
        except http.NotSent as problem:
            return NotTaken(self._safe(str(problem))), ""
        except http.Refused as problem:
            return Refused(self._safe(str(problem))), ""
        except http.HttpError as problem:
            return Unclear(self._safe(f"{type(problem).__name__}: {problem}")), ""
        envelope = _envelope(answer)
        if envelope.get("ok") is True:
            return Sent(_word(_object(envelope.get("result")).get("message_id"))), ""
        moved_to = _integer(_object(envelope.get("parameters")).get("migrate_to_chat_id"))
        if moved_to is not None and envelope.get("ok") is False:
            return Refused("The chat has moved.", ends_chat=True), str(moved_to)
        return self._refusal(answer, envelope), ""

    def _refusal(self, answer: http.Response, envelope: Mapping[str, Any]) -> Outcome:
        is_verdict = envelope.get("ok") is False
        # Its own code counts: it may differ from the answer's status.
        code = (_integer(envelope.get("error_code")) if is_verdict else None) or answer.status
        reason = self._safe(_word(envelope.get("description")) or f"HTTP {answer.status}")
        if is_verdict or answer.status in _BEFORE_TELEGRAM:
            if code == 429 or code >= 500:
                return NotTaken(reason, _retry_after(answer, envelope))
            return Refused(reason, ends_chat=code in (401, 403, 404) or bool(_CHAT_WORDS.search(reason)))
        if answer.is_success or answer.status >= 500:
            return Unclear(f"HTTP {answer.status} without a readable answer")
        return Refused(f"HTTP {answer.status}, and not in Telegram's way: is TELEGRAM_API_URL right?")

    def _ask(self, method: str, body: Mapping[str, Any] | None = None) -> Any:
        """Call a method that changes nothing. Raises: TelegramProblem."""
        try:
            answer = self._call(method, body or {})
        except http.HttpError as problem:
            raise TelegramProblem(
                f"Telegram does not answer: {self._safe(str(problem))}", code="telegram_unreachable"
            ) from None
        envelope = _envelope(answer)
        if envelope.get("ok") is True and "result" in envelope:
            return envelope["result"]
        code = _integer(envelope.get("error_code")) or answer.status
        if code == 409:
            raise TelegramProblem(
                "Something else reads what this bot is told: a webhook is set, or another program polls. "
                "Remove the webhook (deleteWebhook), or enter the chat's id by hand.",
                code="telegram_webhook_set",
            )
        said = self._safe(_word(envelope.get("description")) or f"HTTP {answer.status}")
        hint = " Is the token right?" if code in (401, 404) else ""
        raise TelegramProblem(f"Telegram says: {said}.{hint}")

    def _call(self, method: str, body: Mapping[str, Any]) -> http.Response:
        if not TOKEN.fullmatch(self._token):
            raise http.Refused("token_refused", "The bot's token is empty or holds stray characters.")
        client = _shared_client(os.getpid(), self._base_url, self._deadline)
        return client.request("POST", f"/bot{self._token}/{method}", json=dict(body))

    def _safe(self, text: str) -> str:
        """Return text fit for a page: short, one line, without the token."""
        shown = text.replace(self._token, "[token]") if self._token else text
        return "".join(each if each.isprintable() else " " for each in shown)[:MAX_REASON]


def fitting(text: str) -> str:
    """Return what Telegram takes of a text, by its own count; an ellipsis tells that there was more."""
    encoded = text.encode("utf-16-le", "replace")
    if len(encoded) <= 2 * MAX_TEXT_UNITS:
        return text
    return encoded[: 2 * (MAX_TEXT_UNITS - 1)].decode("utf-16-le", "ignore") + "…"


@functools.lru_cache(maxsize=8)
def _shared_client(process_id: int, base_url: str, deadline: timedelta) -> http.VendorClient:
    """Return the client that keeps connections; a forked child must not write into its parent's."""
    return http.VendorClient(base_url=base_url, deadline=deadline, max_bytes=MAX_ANSWER_BYTES)


def _envelope(answer: http.Response) -> dict[str, Any]:
    try:
        return _object(answer.json())
    except http.BadBody:
        return {}


def _retry_after(answer: http.Response, envelope: Mapping[str, Any]) -> timedelta | None:
    said = _integer(_object(envelope.get("parameters")).get("retry_after"))
    header = answer.headers.get("retry-after", "")
    if said is None and header.isascii() and header.isdigit() and len(header) < 7:
        said = int(header)
    if said is None or said < 0:
        return None
    return MAX_RETRY_AFTER if said > MAX_RETRY_AFTER.total_seconds() else timedelta(seconds=said)


def _chats_in(update: Any) -> Iterator[Chat]:
    """Yield the chats of an update, whatever kind it is: each kind holds its chat one or two levels down."""
    for part in _object(update).values():
        holder = _object(part)
        for candidate in (holder.get("chat"), _object(holder.get("message")).get("chat")):
            chat = _object(candidate)
            number = _integer(chat.get("id"))
            if number is not None:
                yield Chat(str(number), _title(chat), _word(chat.get("type")))


def _title(chat: Mapping[str, Any]) -> str:
    names = " ".join(filter(None, (_word(chat.get("first_name")), _word(chat.get("last_name")))))
    return _word(chat.get("title")) or names or _word(chat.get("username")) or "Without a name"


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _word(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)[:64]
    return (
        "".join(each for each in value[:MAX_REASON] if each.isprintable()) if isinstance(value, str) else ""
    )
