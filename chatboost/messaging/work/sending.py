"""Sends in three steps: the intent is committed, the vendor is called, the outcome is committed.

An unclear outcome is never sent again blindly. The item waits, its lane closed so that nothing overtakes it,
for the vendor's status echo; after the grace, and only when later sends on the same number have been echoed,
silence is evidence and the message goes once more; otherwise it is held for an operator.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.conf import settings

from chatboost.core import clock, live
from chatboost.core.db import reads
from chatboost.core.db import rows as db_rows
from chatboost.core.work.kinds import Decision, Defer, Done, EffectKind, Item, Retry, is_last_try
from chatboost.messaging import gate
from chatboost.messaging.models import (
    STATUS_RANK,
    AttemptState,
    Bot,
    Channel,
    Contact,
    Conversation,
    DeliveryStatus,
    Message,
    MessageStatus,
    SendAttempt,
)
from chatboost.messaging.providers import registry
from chatboost.messaging.providers.base import (
    Accepted,
    Credentials,
    OutboundMessage,
    Outcome,
    Rejected,
    Unknown,
)
from chatboost.messaging.providers.errors import ProviderError
from chatboost.messaging.services import channels, failures, messages
from chatboost.messaging.work import orphans, pacing, silence

logger = structlog.get_logger(__name__)

# The first send and one more when silence is evidence. Attempts that the vendor refused don't count.
MAX_UNCLEAR = 2

CONVERSATIONS_OF = "id IN (SELECT conversation_id FROM messaging_message WHERE {message})"
CONTACTS_OF = "id IN (SELECT contact_id FROM messaging_message WHERE {message})"
CHANNEL_OF = "channel_id IN (SELECT channel_id FROM messaging_message WHERE {message})"
CHANNELS_OF = "id IN (SELECT channel_id FROM messaging_message WHERE {message})"
BOTS_OF = "id IN (SELECT bot_id FROM messaging_channel WHERE {channel})"

MESSAGE_COLUMNS = ["status", "external_id", "reason", "reason_detail", "sent_at", "changed_at", "paced_until"]
ATTEMPT_COLUMNS = ["state", "external_id", "error_code", "error_detail", "finished_at", "busy_until"]
OPEN_ATTEMPTS = [AttemptState.SENDING, AttemptState.UNKNOWN]

# The work was given up, not the message: an operator may have it tried again.
GAVE_UP = "gave_up"


@dataclass(frozen=True, slots=True)
class Past:
    """What was tried before: the last attempt, how many have no known outcome, whether one was taken."""

    last: SendAttempt
    unclear_count: int
    is_accepted: bool

    @property
    def is_unclear(self) -> bool:
        """Whether the last attempt may have reached the person."""
        return self.last.state in OPEN_ATTEMPTS

    @property
    def called_by(self) -> datetime:
        """When the last call was over; of one whose end nobody noted, the latest moment it can have begun.

        A call may wait long for a thread: counted from its intent, an echo that is only late would count
        as silence.
        """
        return self.last.finished_at or self.last.started_at + settings.WORK_LEASE


@dataclass(frozen=True, slots=True)
class Intent:
    """One call to make: everything resolved, nothing of the database."""

    attempt_id: int
    message_id: int
    channel_kind: str
    credentials: Credentials
    outbound: OutboundMessage
    begin_by: float


@dataclass(frozen=True, slots=True)
class Called:
    """What came of a call, and when it was over, by the monotonic clock."""

    outcome: Outcome
    ended: float


@dataclass(frozen=True, slots=True)
class TooLate:
    """No thread was free in time: nothing was sent, and its place on the number is somebody else's."""


Result = tuple[Item, Intent, Called | TooLate | Exception]


class SendKind(EffectKind[Intent, Called | TooLate]):
    """Sends queued messages."""

    name = messages.SEND_KIND

    def prepare(self, items: Sequence[Item]) -> Mapping[int, Intent | Decision]:
        """Ask the gate again, record an attempt for each message that goes."""
        now = clock.now()
        rows, pasts, paced = _locked_to_send([item.subject_id for item in items])
        results: dict[int, Intent | Decision] = {}
        going: list[pacing.Going] = []
        for item in items:
            message = rows.get(item.subject_id)
            decision = _decide(message, pasts.get(item.subject_id), now)
            if decision is not None or message is None:
                results[item.id] = decision or Done()
            else:
                going.append((item, message))
        waits = pacing.put_off(going, paced, now=now)
        results |= {id_: Defer(until) for id_, until in waits.items()}
        new = [
            (item, _attempt(message, pasts.get(message.pk), now))
            for item, message in going
            if item.id not in waits
        ]
        db_rows.create([attempt for _, attempt in new])
        results |= {item.id: _intent(rows[item.subject_id], attempt) for item, attempt in new}
        _save(rows.values(), now)
        return results

    def call(self, intent: Intent) -> Called | TooLate:
        """Call the vendor, once."""
        if time.monotonic() > intent.begin_by:
            return TooLate()
        outcome = registry.create(intent.channel_kind, intent.credentials).send(intent.outbound)
        return Called(outcome, time.monotonic())

    def settle(self, results: Sequence[Result]) -> Mapping[int, Decision]:
        """Record what the vendor said."""
        now = clock.now()
        rows, attempts, early = _locked_to_settle(results)
        decisions: dict[int, Decision] = {}
        for item, intent, told in results:
            message, attempt = rows.get(intent.message_id), attempts.get(intent.attempt_id)
            if message is None or attempt is None:
                continue  # removed while the vendor was called: nothing is left to record, the item is done
            if isinstance(told, TooLate):
                decisions[item.id] = _take_back(message, attempt, now)
                continue
            outcome = _outcome(told)
            _record(attempt, outcome, now)
            pacing.release(attempt, told.ended if isinstance(told, Called) else time.monotonic(), now)
            decisions[item.id] = _settle_one(message, item, outcome, now)
        db_rows.update(attempts.values(), ATTEMPT_COLUMNS)
        _save(rows.values(), now)
        orphans.join(early)
        return decisions

    def withdraw(self, intents: Sequence[tuple[Item, Intent]]) -> None:
        """Forget the attempts: the vendor was not called."""
        rows = _locked([intent.message_id for _, intent in intents])
        attempts = SendAttempt.objects.filter(pk__in=[intent.attempt_id for _, intent in intents])
        attempts.filter(state=AttemptState.SENDING).delete()
        for message in rows.values():
            if message.status == MessageStatus.SENDING:
                message.status = MessageStatus.QUEUED
        _save(rows.values(), clock.now())

    def on_dead(self, subject_ids: Sequence[int]) -> None:
        """Say that the message was given up; one that may have reached the person stays unclear."""
        rows = _locked(subject_ids)
        pasts = _pasts(SendAttempt.objects.filter(message_id__in=rows))
        for message in rows.values():
            if STATUS_RANK[MessageStatus(message.status)] < STATUS_RANK[MessageStatus.SENT]:
                past = pasts.get(message.pk)
                is_unclear = past is not None and (past.is_unclear or past.is_accepted)
                message.status = MessageStatus.UNKNOWN if is_unclear else MessageStatus.FAILED
                message.reason, message.reason_detail = GAVE_UP, "The work of sending it was given up."
        _save(rows.values(), clock.now())


def _locked(message_ids: Sequence[int]) -> dict[int, Message]:
    rows = Message.objects.filter(pk__in=message_ids).select_for_update(of=("self",)).order_by("id")
    return {message.pk: message for message in rows}


def _locked_to_send(
    message_ids: Sequence[int],
) -> tuple[dict[int, Message], dict[int, Past], dict[int, datetime]]:
    """Return the messages with what the gate and the vendor want to know, what was tried before, and until
    when each conversation's pace is used up.
    """
    message, ids = reads.among("id", message_ids)
    attempt, _ = reads.among("message_id", message_ids)
    channel = CHANNELS_OF.format(message=message)
    # Apart from the messages: to decrypt a channel's secrets for each of them takes longer than the query.
    found, *around, attempts, paced = reads.fetch(
        reads.Read(model=Message, where=message, values=[ids], is_locked=True),
        reads.Read(model=Conversation, where=CONVERSATIONS_OF.format(message=message), values=[ids]),
        reads.Read(model=Contact, where=CONTACTS_OF.format(message=message), values=[ids]),
        reads.Read(model=Channel, where=channel, values=[ids]),
        reads.Read(model=Bot, where=BOTS_OF.format(channel=channel), values=[ids]),
        reads.Read(model=SendAttempt, where=attempt, values=[ids]),
        reads.Read(
            model=Message,
            where=pacing.LAST_PACED.format(message=message),
            values=[ids],
            columns=("conversation_id", "paced_until"),
        ),
    )
    conversations, contacts, channels_, bots = ({row.pk: row for row in rows} for rows in around)
    for way in channels_.values():
        way.bot = bots[way.bot_id]
    for row in found:
        row.conversation, row.channel = conversations[row.conversation_id], channels_[row.channel_id]
        row.conversation.contact, row.conversation.channel = contacts[row.contact_id], row.channel
    return {row.pk: row for row in found}, _pasts(attempts), dict(paced)


def _locked_to_settle(
    results: Sequence[Result],
) -> tuple[dict[int, Message], dict[int, SendAttempt], list[DeliveryStatus]]:
    """Return the messages and attempts, and the statuses that overtook our knowing the vendor's id."""
    message, message_ids = reads.among("id", [intent.message_id for _, intent, _ in results])
    attempt, attempt_ids = reads.among("id", [intent.attempt_id for _, intent, _ in results])
    outcomes = [told.outcome for _, _, told in results if isinstance(told, Called)]
    taken = {outcome.external_id for outcome in outcomes if isinstance(outcome, Accepted)}
    external_id, external_ids = reads.among("external_id", taken)
    rows, attempts, early = reads.fetch(
        reads.Read(model=Message, where=message, values=[message_ids], is_locked=True),
        reads.Read(model=SendAttempt, where=attempt, values=[attempt_ids]),
        reads.Read(
            model=DeliveryStatus,
            where=f"message_id IS NULL AND {external_id} AND {CHANNEL_OF.format(message=message)}",
            values=[external_ids, message_ids],
        ),
    )
    return {row.pk: row for row in rows}, {row.pk: row for row in attempts}, early


def _pasts(attempts: Iterable[SendAttempt]) -> dict[int, Past]:
    by_message: dict[int, list[SendAttempt]] = {}
    for attempt in sorted(attempts, key=lambda row: row.number):
        by_message.setdefault(attempt.message_id, []).append(attempt)
    return {
        message_id: Past(
            rows[-1],
            sum(row.state in OPEN_ATTEMPTS for row in rows),
            any(row.state == AttemptState.ACCEPTED for row in rows),
        )
        for message_id, rows in by_message.items()
    }


def _decide(message: Message | None, past: Past | None, now: datetime) -> Decision | None:
    """Return a decision, or None when the message goes now."""
    if message is None or _is_final(message):
        return Done()
    if past is not None and past.is_accepted:
        return Done()  # the vendor has it and holds it back: its statuses say how it goes on
    if past is None or not past.is_unclear or message.channel.kind in registry.LOCAL_KINDS:
        return _ask_gate(message, now)
    return _reconcile(message, past, now)


def _is_final(message: Message) -> bool:
    is_over = STATUS_RANK[MessageStatus(message.status)] >= STATUS_RANK[MessageStatus.SENT]
    return is_over and not (message.status == MessageStatus.FAILED and message.reason == GAVE_UP)


def _ask_gate(message: Message, now: datetime) -> Decision | None:
    verdict = _verdict(message, now)
    if verdict.action is gate.Action.DEFER and verdict.until:
        return Defer(verdict.until)
    if verdict.is_allowed:
        return None
    message.status = MessageStatus.REFUSED
    message.reason, message.reason_detail = verdict.reason, verdict.explanation
    return Done()


def _verdict(message: Message, now: datetime) -> gate.Verdict:
    return gate.check(messages.facts(message.conversation, message.type), now=now)


def _reconcile(message: Message, past: Past, now: datetime) -> Decision | None:
    """Return what to do about an unclear attempt; None when it may be sent again."""
    message.status = MessageStatus.UNKNOWN
    since = past.called_by
    if now < since + settings.SEND_UNKNOWN_GRACE:
        return Defer(since + settings.SEND_UNKNOWN_GRACE)
    # A message that may be there already is never `refused`, which a late echo could not undo.
    may_repeat = past.unclear_count < MAX_UNCLEAR and _verdict(message, now).is_allowed
    if may_repeat and silence.is_evidence(message, past.last):
        logger.warning("send_repeated_after_silence", message=message.pk, attempt=past.last.number)
        return None
    if may_repeat and now < since + settings.SEND_UNKNOWN_HOLD:
        return Defer(min(now + settings.SEND_UNKNOWN_GRACE / 4, since + settings.SEND_UNKNOWN_HOLD))
    message.reason = "outcome_unclear"
    message.reason_detail = "The vendor never said whether it took the message."
    return Done()


def _attempt(message: Message, past: Past | None, now: datetime) -> SendAttempt:
    message.status, message.reason, message.reason_detail = MessageStatus.SENDING, "", ""
    attempt = SendAttempt(
        organization_id=message.organization_id,
        message=message,
        number=past.last.number + 1 if past else 1,
        started_at=now,
    )
    pacing.occupy(attempt, message, now)
    return attempt


def _intent(message: Message, attempt: SendAttempt) -> Intent:
    contact = message.conversation.contact
    return Intent(
        attempt_id=attempt.pk,
        message_id=message.pk,
        channel_kind=message.channel.kind,
        credentials=channels.credentials(message.channel),
        outbound=OutboundMessage(
            tracker=str(attempt.tracker),
            type=message.type,
            content=message.content,
            to_phone=contact.phone,
            to_user_id=contact.external_user_id,
            reply_to=message.reply_to_external_id or None,
        ),
        begin_by=time.monotonic() + pacing.BEGIN_WITHIN.total_seconds(),
    )


def _outcome(told: Called | Exception) -> Outcome:
    return Unknown(repr(told)) if isinstance(told, Exception) else told.outcome


def _take_back(message: Message, attempt: SendAttempt, now: datetime) -> Decision:
    """Let a message that was not sent for want of a thread go again."""
    attempt.state, attempt.finished_at = AttemptState.REJECTED, now
    attempt.error_code, attempt.error_detail = "not_sent", "No thread was free in time; nothing was sent."
    pacing.release(attempt, None, now)
    message.status = MessageStatus.QUEUED
    return Defer(now)


def _record(attempt: SendAttempt, outcome: Outcome, now: datetime) -> None:
    if attempt.state == AttemptState.ACCEPTED:
        return  # the echo was faster than the answer
    attempt.finished_at = now
    match outcome:
        case Accepted(external_id=external_id):
            attempt.state, attempt.external_id = AttemptState.ACCEPTED, external_id
        case Rejected(error=error):
            attempt.state = AttemptState.REJECTED
            attempt.error_code = str(error.code if error.code is not None else error.kind)[:40]
            attempt.error_detail = error.message[:300]
        case Unknown(reason=reason):
            attempt.state, attempt.error_detail = AttemptState.UNKNOWN, reason[:300]


def _settle_one(message: Message, item: Item, outcome: Outcome, now: datetime) -> Decision:
    if STATUS_RANK[MessageStatus(message.status)] >= STATUS_RANK[MessageStatus.SENT]:
        return Done()
    match outcome:
        case Accepted(external_id=external_id):
            message.external_id = external_id
            # What the vendor holds back stays `sending`; its statuses say how it goes on.
            if not outcome.is_held:
                message.status, message.sent_at = MessageStatus.SENT, now
            return Done()
        case Rejected(error=error):
            return _reject(message, item, error, now)
    message.status = MessageStatus.UNKNOWN
    return Defer(now + settings.SEND_UNKNOWN_GRACE)


def _reject(message: Message, item: Item, error: ProviderError, now: datetime) -> Decision:
    if error.disables_channel:
        channels.disable(message.channel, reason=f"{error.kind}: {error.message}"[:300])
    if error.holds_channel and error.retry_after:
        channels.hold(message.channel_id, until=now + error.retry_after)
    is_last = is_last_try(item, is_passing=True)
    if not is_last and error.allows_retry(retries_made=item.error_count):
        message.status = MessageStatus.QUEUED
        return Retry(f"{error.kind}: {error.message}", after=error.retry_after, is_passing=True)
    message.status = MessageStatus.FAILED
    message.reason = str(error.code if error.code is not None else error.kind)[:40]
    message.reason_detail = error.message[:300]
    return Done()


def _save(messages_: Iterable[Message], now: datetime) -> None:
    changed = list(messages_)
    for message in changed:
        message.changed_at = now
    db_rows.update(changed, MESSAGE_COLUMNS)
    for conversation_id in {message.conversation_id for message in changed}:
        live.changed(f"conversation:{conversation_id}")
    failures.tell_senders(changed)
