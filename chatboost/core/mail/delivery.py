"""Delivery in three steps: the intent is committed, the server is called, the outcome is committed.

No mail server can be asked whether it has a mail. One that may have arrived goes once more, under the same
Message-ID by which mailboxes recognise a double; after that it is left to an operator.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings

from chatboost.core import clock, files
from chatboost.core.errors import DomainError
from chatboost.core.mail import addresses, composing, outbox, smtp
from chatboost.core.mail.composing import Letter
from chatboost.core.mail.smtp import NotTaken, Outcome, Refused, Taken, Unclear
from chatboost.core.models import Mail, MailState
from chatboost.core.work import kinds
from chatboost.core.work.kinds import Decision, Done, EffectKind, Item, Retry, is_last_try

logger = structlog.get_logger(__name__)

# While a mail is `sending`, an error says that this is the second time: the last one may have arrived.
REPEATED = "The outcome of the last try is unclear; sent once more."
CRASHED_TWICE = "The worker died twice while it sent the mail."


@dataclass(frozen=True, slots=True)
class Intent:
    """One call to make. `number` counts the attempts; a repeat is one after an unclear outcome."""

    mail_id: int
    number: int
    is_repeat: bool
    letter: Letter


class DeliveryKind(EffectKind[Intent, Outcome]):
    """Sends queued mail."""

    name = outbox.DELIVERY_KIND

    def prepare(self, items: Sequence[Item]) -> Mapping[int, Intent | Decision]:
        """Record an attempt of each mail that goes."""
        rows = _locked([item.subject_id for item in items])
        results: dict[int, Intent | Decision] = {}
        for item in items:
            mail = rows.get(item.subject_id)
            results[item.id] = _begin(mail) if mail else Done()
        _save(rows.values())
        return results

    def call(self, intent: Intent) -> Outcome:
        """Hand the mail in, once."""
        try:
            envelope = composing.compose(intent.letter)
        except Exception as error:  # whatever storage raises: nothing has left us yet
            return NotTaken(f"An attachment can't be read: {type(error).__name__}")
        return smtp.send(_server(), envelope)

    def settle(self, results: Sequence[tuple[Item, Intent, Outcome | Exception]]) -> Mapping[int, Decision]:
        """Record what the server said."""
        rows = _locked([intent.mail_id for _, intent, _ in results])
        decisions: dict[int, Decision] = {}
        for item, intent, outcome in results:
            mail = rows.get(intent.mail_id)
            known = Unclear(repr(outcome)) if isinstance(outcome, Exception) else outcome
            if mail is not None:
                decisions[item.id] = _settle_one(mail, item, intent, known)
        _save(rows.values())
        return decisions

    def withdraw(self, intents: Sequence[tuple[Item, Intent]]) -> None:
        """Put the mails back: the server was not called."""
        rows = _locked([intent.mail_id for _, intent in intents])
        for _, intent in intents:
            mail = rows.get(intent.mail_id)
            if mail is not None and mail.state == MailState.SENDING:
                mail.state, mail.error = MailState.UNKNOWN if intent.is_repeat else MailState.QUEUED, ""
        _save(rows.values())

    def on_dead(self, subject_ids: Sequence[int]) -> None:
        """Leave to an operator what nothing of ours will send any more."""
        rows = _locked(subject_ids)
        for mail in rows.values():
            if mail.state == MailState.QUEUED:
                mail.state = MailState.FAILED
            elif mail.state == MailState.SENDING:
                mail.state = MailState.UNKNOWN
        _save(rows.values())


def _locked(mail_ids: Sequence[int]) -> dict[int, Mail]:
    rows = Mail.objects.filter(pk__in=mail_ids).select_for_update().order_by("id")
    return {mail.pk: mail for mail in rows}


def _save(rows: Any) -> None:
    Mail.objects.bulk_update(list(rows), ["state", "attempt_count", "error", "sent_at"])


def _begin(mail: Mail) -> Intent | Decision:
    """Return the next call for a mail, or what becomes of its work without one."""
    is_repeat = mail.state in (MailState.UNKNOWN, MailState.SENDING)
    if mail.state == MailState.SENDING and mail.error:
        mail.state, mail.error = MailState.UNKNOWN, CRASHED_TWICE
        return Done()
    if mail.state != MailState.QUEUED and not is_repeat:
        return Done()
    try:
        letter = _letter(mail)
    except DomainError as refusal:
        mail.state = MailState.UNKNOWN if is_repeat else MailState.FAILED
        mail.error = f"An attachment is gone: {refusal.message}"[:300]
        return Done()
    mail.state, mail.error = MailState.SENDING, REPEATED if is_repeat else ""
    mail.attempt_count += 1
    return Intent(mail.pk, mail.attempt_count, is_repeat, letter)


def _letter(mail: Mail) -> Letter:
    return Letter(
        message_id=mail.message_id,
        to=mail.to,
        subject=mail.subject,
        text=mail.text,
        html=mail.html,
        created_at=mail.created_at,
        attachments=tuple(files.get(uuid, mail.organization_id) for uuid in mail.file_uuids),
    )


def _server() -> smtp.Server:
    return smtp.Server(
        host=settings.EMAIL_HOST,
        port=settings.EMAIL_PORT,
        user=settings.EMAIL_HOST_USER,
        password=settings.EMAIL_HOST_PASSWORD,
        use_tls=settings.EMAIL_USE_TLS,
        use_ssl=settings.EMAIL_USE_SSL,
        deadline=timedelta(seconds=settings.EMAIL_TIMEOUT),
        name=addresses.own_domain(),
    )


def _settle_one(mail: Mail, item: Item, intent: Intent, outcome: Outcome) -> Decision:
    if isinstance(outcome, Taken):
        mail.state, mail.error, mail.sent_at = MailState.SENT, "", clock.now()
        return Done()
    if mail.attempt_count != intent.number or mail.state != MailState.SENDING:
        return Done()  # somebody else has the mail by now, and knows more
    mail.error = outcome.reason
    # What may have arrived is never `failed`.
    mail.state = MailState.UNKNOWN if intent.is_repeat else MailState.FAILED
    match outcome:
        case NotTaken(reason) if not is_last_try(item, is_passing=True):
            mail.state = MailState.UNKNOWN if intent.is_repeat else MailState.QUEUED
            return Retry(reason, is_passing=True)
        case Unclear(reason):
            logger.warning("mail_unclear", mail=mail.pk, attempt=intent.number)
            mail.state = MailState.UNKNOWN
            return Done() if intent.is_repeat or is_last_try(item) else Retry(reason)
        case Refused() | NotTaken():
            logger.warning("mail_not_sent", mail=mail.pk, attempt=intent.number)
    return Done()


DELIVERY = DeliveryKind()
kinds.register(DELIVERY)
