"""Group commit: whatever deliveries wait are stored in one transaction, and only then answered.

One thread and one database connection a process. While a commit is on its way the next deliveries come in,
so the groups grow with the load and nobody waits for company: a single delivery is committed at once. A
second thread would halve the groups, and take a third off the throughput.
"""

import asyncio
import atexit
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog
from django.db import Error, close_old_connections, connection

from chatboost.core.db import outage
from chatboost.core.db.retry import retry_tx
from chatboost.core.errors import DomainError
from chatboost.messaging.models import Channel
from chatboost.messaging.services import receipts
from chatboost.messaging.webhooks import whatsapp
from chatboost.messaging.webhooks.whatsapp import Accepted, Opened
from chatboost.messaging.webhooks.whatsapp_payload import Receipt

logger = structlog.get_logger(__name__)

MAX_GROUP: Final = 200
# Whoever comes when this many wait is told to come again, rather than to fill the memory.
MAX_WAITING: Final = 2000
# A connection that was used so lately is not asked whether it still works.
TRUSTED_SECONDS: Final = 1.0
# Reading more than this takes milliseconds, which the event loop doesn't have.
MAX_BYTES_IN_LOOP: Final = 64 * 1024

Outcome = Accepted | Exception


class Overloaded(Exception):
    """Too many deliveries wait for their commit."""


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """A delivery that waits. `parts` is None as long as its own channel's secret must be fetched first."""

    raw: bytes
    signature_header: str | None
    channel_uuid: UUID | None
    parts: Sequence[Receipt] | None
    answer: "asyncio.Future[Accepted]"


class Committer:
    """Stores deliveries group by group, in a thread that starts with the first one."""

    def __init__(self) -> None:
        self._waiting: deque[Delivery] = deque()
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_stopping = False

    async def accept(
        self, raw: bytes, signature_header: str | None, *, channel_uuid: UUID | None = None
    ) -> Accepted:
        """Do what `whatsapp.accept` does, in a group; returns when the delivery is committed.

        Raises: SignatureInvalid, BodyMalformed, NotFound, Overloaded, and whatever the database raised.
        """
        # A channel's own secret is the database's to tell: those are opened by the thread.
        parts = None if channel_uuid else await _open(raw, signature_header)
        answer = asyncio.get_running_loop().create_future()
        self._put(Delivery(raw, signature_header, channel_uuid, parts, answer))
        return await answer

    def stop(self) -> None:
        """Commit what waits, give the connection back and end the thread; the next delivery starts anew."""
        with self._wake:
            thread, self._thread = self._thread, None
            self._is_stopping = True
            self._wake.notify()
        if thread is not None:
            thread.join()
        self._is_stopping = False

    def _put(self, delivery: Delivery) -> None:
        with self._wake:
            if len(self._waiting) >= MAX_WAITING:
                raise Overloaded
            self._waiting.append(delivery)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="webhook-committer", daemon=True)
                self._thread.start()
                atexit.register(self.stop)
            self._wake.notify()

    def _run(self) -> None:
        used_at = time.monotonic()
        while group := self._take():
            if time.monotonic() - used_at > TRUSTED_SECONDS:
                close_old_connections()
            _answer(group, _commit(group))
            used_at = time.monotonic()
        connection.close()

    def _take(self) -> list[Delivery]:
        """Wait for deliveries; empty when it is time to stop."""
        with self._wake:
            while not self._waiting and not self._is_stopping:
                self._wake.wait()
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_GROUP))]


async def _open(raw: bytes, signature_header: str | None) -> list[Receipt]:
    if len(raw) <= MAX_BYTES_IN_LOOP:
        return whatsapp.open_delivery(raw, signature_header, None)
    return await asyncio.to_thread(whatsapp.open_delivery, raw, signature_header, None)


def _commit(group: Sequence[Delivery]) -> list[Outcome]:
    """Store a group; when that fails, its deliveries one by one, so that only the guilty one pays."""
    try:
        return _store(group)
    except Exception as error:  # whatever it is, somebody waits for an answer
        logger.warning("webhook_group_failed", deliveries=len(group), exc_info=error)
        if len(group) == 1 and not outage.is_outage(error):
            return [error]
        return _commit_singly(group, error)


def _commit_singly(group: Sequence[Delivery], error: Exception | None) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for delivery in group:
        # Without a database each of them would wait for its own time limit.
        if error is not None and outage.is_outage(error) and _is_away():
            return outcomes + [error] * (len(group) - len(outcomes))
        try:
            outcomes += _store([delivery])
            error = None
        except Exception as problem:  # as above
            outcomes.append(problem)
            error = problem
    return outcomes


def _is_away() -> bool:
    """Say whether there is no database to talk to; a connection that was cut is replaced."""
    try:
        close_old_connections()
        connection.ensure_connection()
    except Error:
        return True
    return False


def _store(group: Sequence[Delivery]) -> list[Outcome]:
    """Store what a group brings in one transaction; three queries at most, whatever its size."""
    own = whatsapp.own_channels({each.channel_uuid for each in group if each.channel_uuid})
    opened = [_opened(delivery, own) for delivery in group]
    addressed = whatsapp.address([each for each in opened if isinstance(each, Opened)])
    parts = [part for delivered in addressed for part in delivered]
    new = retry_tx(lambda: receipts.store_new(parts))
    rest = iter(addressed)
    return [_accepted(next(rest), new) if isinstance(each, Opened) else each for each in opened]


def _opened(delivery: Delivery, own: Mapping[UUID, Channel]) -> Opened | DomainError:
    if delivery.parts is not None:
        return Opened(delivery.parts, None)
    channel = own.get(delivery.channel_uuid) if delivery.channel_uuid else None
    if channel is None:
        return whatsapp.no_such_channel()
    try:
        return Opened(whatsapp.open_delivery(delivery.raw, delivery.signature_header, channel), channel)
    except DomainError as refusal:
        return refusal


def _accepted(delivered: Sequence[receipts.Delivered], new: set[receipts.Identity]) -> Accepted:
    """Count a delivery's new parts; of copies in one group, the first has them."""
    mine = {part.identity for part in delivered} & new
    new -= mine
    return Accepted(len(delivered), len(mine))


def _answer(group: Sequence[Delivery], outcomes: Sequence[Outcome]) -> None:
    """Wake each event loop once for all of its deliveries."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Delivery, Outcome]]] = {}
    for delivery, outcome in zip(group, outcomes, strict=True):
        by_loop.setdefault(delivery.answer.get_loop(), []).append((delivery, outcome))
    for loop, pairs in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, pairs)
        except RuntimeError:  # the loop has ended: nobody waits for these any more
            logger.warning("webhook_answers_unheard", deliveries=len(pairs))


def _resolve(pairs: Sequence[tuple[Delivery, Outcome]]) -> None:
    for delivery, outcome in pairs:
        if delivery.answer.done():  # cancelled: the vendor has hung up
            continue
        if isinstance(outcome, Accepted):
            delivery.answer.set_result(outcome)
        else:
            delivery.answer.set_exception(outcome)
