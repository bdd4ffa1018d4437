"""Messages to Telegram in three steps: the intent is committed, Telegram is called, the outcome is committed.

Telegram can't be asked whether it has a message. One whose answer was lost goes once more, which is counted;
after that it is left alone. A chat that Telegram refuses gets an error and nothing more until somebody acts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from django.db import transaction

from chatboost.core import clock, pulse
from chatboost.core.work.kinds import Decision, Defer, Done, EffectKind, Item, Retry, is_last_try
from teams.models import TelegramMessage, TelegramMessageState
from teams.notifications import telegrams
from teams.notifications.telegrams import Address, Silence
from teams.providers.base import NotTaken, Outcome, Refused, Sent, Unclear
from teams.services import telegram as chats
from teams.work import telegram_pace

logger = structlog.get_logger(__name__)

# While a message is `sending`, this says that it is the second time: the first one may be there already.
REPEATED = "The outcome of the last try is unclear; sent once more."
LEFT_ALONE = "Telegram's answer was lost. It may stand in the chat, once or twice."
GAVE_UP = "Telegram did not take it, again and again."

REPEAT_COUNTER = "telegram_repeated"


@dataclass(frozen=True, slots=True)
class Intent:
    """One call to make. `number` counts the attempts; a repeat is one after an unclear outcome."""

    message_id: int
    number: int
    is_repeat: bool
    address: Address
    text: str = field(repr=False)


class TelegramKind(EffectKind[Intent, Outcome]):
    """Sends queued messages, each chat's in order and at its pace."""

    name = telegrams.TELEGRAM_KIND

    def prepare(self, items: Sequence[Item]) -> Mapping[int, Intent | Decision]:
        """Record an attempt of each message that goes."""
        now = clock.now()
        found = _locked([item.subject_id for item in items])
        addresses = telegrams.addresses({message.organization_id for message in found.values()})
        results: dict[int, Intent | Decision] = {}
        for item in items:
            message = found.get(item.subject_id)
            results[item.id] = _begin(message, addresses[message.organization_id], now) if message else Done()
        _save(found.values())
        repeats = sum(isinstance(each, Intent) and each.is_repeat for each in results.values())
        if repeats:
            # Once this is committed: in here the counter's row would stay locked.
            transaction.on_commit(lambda: pulse.count(REPEAT_COUNTER, repeats))
        return results

    def call(self, intent: Intent) -> Outcome:
        """Hand the message in, once."""
        return chats.bot(intent.address.token).send(intent.address.chat_id, intent.text)

    def settle(self, results: Sequence[tuple[Item, Intent, Outcome | Exception]]) -> Mapping[int, Decision]:
        """Record what Telegram said."""
        found = _locked([intent.message_id for _, intent, _ in results])
        decisions: dict[int, Decision] = {}
        for item, intent, outcome in results:
            message = found.get(intent.message_id)
            known = Unclear(type(outcome).__name__) if isinstance(outcome, Exception) else outcome
            if message is not None:
                decisions[item.id] = _settle_one(message, item, intent, known)
        _save(found.values())
        for _, intent, outcome in results:
            telegram_pace.heed(intent.address, outcome)
            _learn_about_chat(found.get(intent.message_id), intent.address, outcome)
        return decisions

    def withdraw(self, intents: Sequence[tuple[Item, Intent]]) -> None:
        """Put the messages back: Telegram was not called."""
        found = _locked([intent.message_id for _, intent in intents])
        for _, intent in intents:
            message = found.get(intent.message_id)
            if message is not None and message.state == TelegramMessageState.SENDING:
                was = TelegramMessageState.UNKNOWN if intent.is_repeat else TelegramMessageState.QUEUED
                message.state, message.error = was, ""
        _save(found.values())

    def on_dead(self, subject_ids: Sequence[int]) -> None:
        """Say that the message was given up; one that may have arrived stays unclear."""
        found = _locked(subject_ids)
        for message in found.values():
            if message.state == TelegramMessageState.QUEUED:
                message.state, message.error = TelegramMessageState.FAILED, GAVE_UP
            elif message.state == TelegramMessageState.SENDING:
                message.state, message.error = TelegramMessageState.UNKNOWN, LEFT_ALONE
        _save(found.values())


def _locked(message_ids: Sequence[int]) -> dict[int, TelegramMessage]:
    found = TelegramMessage.objects.filter(pk__in=message_ids).select_for_update(of=("self",)).order_by("id")
    return {message.pk: message for message in found}


def _save(messages: Iterable[TelegramMessage]) -> None:
    columns = ["state", "error", "attempt_count", "external_id", "chat_id", "sent_as", "sent_at"]
    TelegramMessage.objects.bulk_update(list(messages), columns)


def _begin(message: TelegramMessage, address: Address | Silence, now: datetime) -> Intent | Decision:
    """Return the next call for a message, or what becomes of its work without one."""
    if _is_over(message):
        return Done()
    if message.state == TelegramMessageState.SENDING and message.error == REPEATED:
        message.state, message.error = TelegramMessageState.UNKNOWN, LEFT_ALONE
        return Done()
    is_repeat = message.state in (TelegramMessageState.SENDING, TelegramMessageState.UNKNOWN)
    if isinstance(address, Silence):
        message.state = TelegramMessageState.UNKNOWN if is_repeat else TelegramMessageState.FAILED
        message.error = LEFT_ALONE if is_repeat else address.reason
        return Done()
    until = telegram_pace.turn(address, now)
    if until:
        return Defer(until)
    message.state, message.error = TelegramMessageState.SENDING, REPEATED if is_repeat else ""
    message.attempt_count += 1
    return Intent(message.pk, message.attempt_count, is_repeat, address, message.text)


def _is_over(message: TelegramMessage) -> bool:
    """Tell whether nothing is left to do. What was given up goes again when its dead letter is retried."""
    if message.state == TelegramMessageState.FAILED:
        return message.error != GAVE_UP
    is_left_alone = message.state == TelegramMessageState.UNKNOWN and message.error == LEFT_ALONE
    return message.state == TelegramMessageState.SENT or is_left_alone


def _settle_one(message: TelegramMessage, item: Item, intent: Intent, outcome: Outcome) -> Decision:
    if isinstance(outcome, Sent):
        message.state, message.error, message.sent_at = TelegramMessageState.SENT, "", clock.now()
        message.external_id, message.sent_as = outcome.external_id, intent.address.name
        message.chat_id = outcome.moved_to or intent.address.chat_id
        return Done()
    if message.attempt_count != intent.number or message.state != TelegramMessageState.SENDING:
        return Done()  # somebody else has the message by now, and knows more
    message.error = outcome.reason[:300]
    match outcome:
        case NotTaken(reason, after) if not is_last_try(item, is_passing=True):
            message.state = TelegramMessageState.UNKNOWN if intent.is_repeat else TelegramMessageState.QUEUED
            return Retry(reason, after, is_passing=True)
        case Unclear(reason) if not intent.is_repeat and not is_last_try(item):
            logger.warning("telegram_unclear", message=message.pk, attempt=intent.number)
            message.state = TelegramMessageState.UNKNOWN
            return Retry(reason)
    # What may have arrived is never `failed`.
    if intent.is_repeat or isinstance(outcome, Unclear):
        message.state, message.error = TelegramMessageState.UNKNOWN, LEFT_ALONE
    else:
        message.state = TelegramMessageState.FAILED
    logger.warning("telegram_not_sent", message=message.pk, attempt=intent.number)
    return Done()


def _learn_about_chat(message: TelegramMessage | None, address: Address, outcome: object) -> None:
    """Keep a chat's new id, or that Telegram refuses it."""
    if message is None:
        return
    if isinstance(outcome, Sent) and outcome.moved_to:
        chats.follow(address, to=outcome.moved_to, organization=message.organization)
    elif isinstance(outcome, Refused) and outcome.ends_chat:
        chats.note_refused(address, reason=outcome.reason, organization=message.organization)
