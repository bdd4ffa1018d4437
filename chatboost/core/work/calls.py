"""Calls to the outside: made in threads, settled as they come in."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import structlog
from django.conf import settings
from django.db import transaction

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


class LeaseOver(Exception):
    """The lease ended before a call was made (a stopped process, a long line): it is somebody else's now."""


class Calls:
    """The calls that a loop has under way. When its block is left early, nothing is left behind: what has
    begun is waited for, and recorded unless the process is ending; the rest is not made.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._running: dict[Future[Any], tuple[EffectKind[Any, Any], Item, Any]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for future in [future for future in self._running if future.cancel()]:
            del self._running[future]
        while self._running and isinstance(error, Exception):
            self.settle_some()
        wait(self._running)

    def __len__(self) -> int:
        return len(self._running)

    def make(self, kind: EffectKind[Any, Any], intents: Sequence[tuple[Item, Any]], ends: float) -> None:
        """Have these calls made, each unless it would begin when the lease `ends`."""
        threads = _threads()
        for item, intent in intents:
            self._running[threads.submit(_call, kind, intent, ends)] = (kind, item, intent)

    def settle_some(self) -> None:
        """Wait for a call to return, and record the outcomes of all that have: a slow one holds none back."""
        wait(self._running, return_when=FIRST_COMPLETED)
        finished, _ = wait(self._running, timeout=GATHER)
        failpoints.reach("work.effect_called")
        made: dict[str, tuple[EffectKind[Any, Any], list[Result]]] = {}
        for future in finished:
            kind, item, intent = self._running.pop(future)
            outcome = _outcome(future)
            if not isinstance(outcome, LeaseOver):
                made.setdefault(kind.name, (kind, []))[1].append((item, intent, outcome))
        for kind, results in made.values():
            _settle(kind, results, self._now)


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
