"""Calls to the outside: made in threads, settled as they come in; those that are not made are taken back."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any, Self

import structlog
from django.conf import settings
from django.db import DatabaseError, transaction

from chatboost.core.db import trips
from chatboost.core.db.retry import retry_tx
from chatboost.core.work import failpoints, finish
from chatboost.core.work.kinds import EffectKind, Item

logger = structlog.get_logger(__name__)

# Seconds in which outcomes gather after the first: a transaction for each would cost more than the calls.
GATHER = 0.01
# The threads that make calls, kept from batch to batch: to start them took longer than to use them.
_own = threading.local()

Result = tuple[Item, Any, Any]
Unmade = tuple[EffectKind[Any, Any], Item, Any]


class LeaseOver(Exception):
    """The lease ended before a call was made: a stopped process, a long line."""


class Calls:
    """The calls that a loop has under way. When its block is left early, or a stop is asked for, nothing is
    left behind: what has begun is waited for, and recorded unless the process is ending; the rest is not
    made, and waits in line again.
    """

    def __init__(self, now: Callable[[], datetime], is_stopping: Callable[[], bool] = lambda: False) -> None:
        self._now = now
        self._is_stopping = is_stopping
        self._began = time.monotonic()
        self._running: dict[Future[Any], tuple[EffectKind[Any, Any], Item, Any]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        unmade = self._cancelled()
        while self._running and isinstance(error, Exception):
            self.settle_some()
        wait(self._running)
        if error is None or isinstance(error, Exception):
            _withdraw(unmade)

    def __len__(self) -> int:
        return len(self._running)

    def make(self, kind: EffectKind[Any, Any], intents: Sequence[tuple[Item, Any]], ends: float) -> None:
        """Have these calls made, each unless it would begin when the lease `ends`."""
        threads = _threads()
        for item, intent in intents:
            self._running[threads.submit(_call, kind, intent, ends)] = (kind, item, intent)

    def settle_some(self) -> None:
        """Wait for a call to return, and record the outcomes of all that have: a slow one holds none back."""
        unmade = self._cancelled() if self._is_stopping() else []
        renew_every = settings.WORK_LEASE.total_seconds() / 3
        while not wait(self._running, timeout=renew_every, return_when=FIRST_COMPLETED).done:
            self._renew()
        finished, _ = wait(self._running, timeout=GATHER)
        failpoints.reach("work.effect_called")
        made: dict[str, tuple[EffectKind[Any, Any], list[Result]]] = {}
        for future in finished:
            kind, item, intent = self._running.pop(future)
            outcome = _outcome(future)
            if isinstance(outcome, LeaseOver):
                unmade.append((kind, item, intent))
            else:
                made.setdefault(kind.name, (kind, []))[1].append((item, intent, outcome))
        for kind, results in made.values():
            _settle(kind, results, self._now)
        _withdraw(unmade)

    def _renew(self) -> None:
        """Keep the leases of calls that may outlast them."""
        ran = timedelta(seconds=time.monotonic() - self._began)
        items = [
            item
            for kind, item, _ in self._running.values()
            if kind.longest is not None and ran < kind.longest
        ]
        try:
            finish.renew(items, now=self._now())
        except DatabaseError as error:
            # The next time, perhaps; the fence holds without it.
            logger.warning("work_lease_not_renewed", error=str(error))

    def _cancelled(self) -> list[Unmade]:
        """Take out the calls that have not begun."""
        return [self._running.pop(future) for future in list(self._running) if future.cancel()]


def _threads() -> ThreadPoolExecutor:
    """Return the calling thread's own pool: no loop waits for the calls of another's vendor."""
    made_for = os.getpid(), settings.SEND_THREADS
    if getattr(_own, "made_for", None) != made_for:
        _own.made_for = made_for
        _own.pool = ThreadPoolExecutor(settings.SEND_THREADS, thread_name_prefix="effect")
    pool: ThreadPoolExecutor = _own.pool
    return pool


def _call(kind: EffectKind[Any, Any], intent: Any, ends: float) -> Any:
    if time.monotonic() >= ends:
        logger.warning("work_lease_over_before_call", kind=kind.name)
        raise LeaseOver
    failpoints.reach("work.calling")
    outcome = kind.call(intent)
    failpoints.reach("work.called")
    return outcome


def _outcome(future: Future[Any]) -> Any:
    error = future.exception()
    if error is None:
        return future.result()
    if not isinstance(error, Exception):
        raise error
    return error


def _settle(kind: EffectKind[Any, Any], results: Sequence[Result], now: Callable[[], datetime]) -> None:
    try:
        held_count = retry_tx(lambda: _save_outcomes(kind, results, now))
        failpoints.reach("work.effect_committed")
    except Exception:
        # The intent stays recorded; when the lease ends, the kind finds it and reconciles.
        if len(results) == 1:
            logger.exception("work_settle_failed", kind=kind.name, item=results[0][0].id)
            return
        for result in results:
            _settle(kind, [result], now)
        return
    finish.count_fenced(len(results) - held_count)


def _save_outcomes(kind: EffectKind[Any, Any], results: Sequence[Result], now: Callable[[], datetime]) -> int:
    """Record what came of the calls; returns how many items were still ours."""
    with transaction.atomic(), trips.gathered():
        decisions = kind.settle(results)
        failpoints.reach("work.effect_settled")
        held_count = finish.finish_if_held([item for item, _, _ in results], decisions, now=now())
        failpoints.reach("work.effect_finished")
    return held_count


def _withdraw(unmade: Sequence[Unmade]) -> None:
    """Put back in line what was claimed and not called, kind by kind: it has crashed nobody."""
    for kind in {kind.name: kind for kind, _, _ in unmade}.values():
        pairs = [(item, intent) for each, item, intent in unmade if each is kind]
        try:
            held_count = retry_tx(partial(_save_withdrawal, kind, pairs))
        except Exception:
            # When the lease ends, the kind finds its intents and reconciles.
            logger.exception("work_withdraw_failed", kind=kind.name, items=len(pairs))
        else:
            finish.count_fenced(len(pairs) - held_count)


def _save_withdrawal(kind: EffectKind[Any, Any], pairs: Sequence[tuple[Item, Any]]) -> int:
    with transaction.atomic(), trips.gathered():
        held = {item.id for item in finish.still_held([item for item, _ in pairs])}
        mine = [(item, intent) for item, intent in pairs if item.id in held]
        if mine:
            kind.withdraw(mine)
            finish.put_back([item for item, _ in mine])
    return len(mine)
