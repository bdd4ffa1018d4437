"""The loop: claim, run, finish, until the queue is empty or the time is up."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction

from chatboost.core import clock
from chatboost.core.db import trips
from chatboost.core.work import claim, failpoints, finish, holds, kinds, solo
from chatboost.core.work.kinds import BatchKind, Dead, Decision, EffectKind, Item, Retry

logger = structlog.get_logger(__name__)


class LeaseOver(Exception):
    """The lease ended before a call was made (a stopped process, a long line): it is somebody else's now."""


MAX_TIME = timedelta(seconds=10)
# Seconds between two looks for suspects in a queue that is never empty.
SUSPECT_INTERVAL = 0.25
# Seconds for suspects at each look, one after the other: a worker of a hundred items may have died.
SUSPECT_SLICE = 0.1
# The threads that make calls, kept from batch to batch: to start them took longer than to use them.
_own = threading.local()
# On SQLite a batch holds the only write lock: keep it short.
SQLITE_BATCH = 20


def drain(
    queue: str,
    *,
    names: Sequence[str] | None = None,
    now: Callable[[], datetime] = clock.now,
    max_time: timedelta = MAX_TIME,
    is_stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Run what is due in a queue (of some kinds only, if given); returns how many items were run.

    An item that crashed a worker before runs with nothing beside it in this process.
    """
    began = looked_at = time.monotonic()
    total = 0
    while time.monotonic() < began + max_time.total_seconds() and not is_stopping():
        with solo.shared():
            count = _claim_and_run(queue, names, now, suspect=False)
        # Suspects have waited for a while already: while there is other work, not each turn looks for them.
        if not count or time.monotonic() - looked_at >= SUSPECT_INTERVAL:
            looked_at = time.monotonic()
            if claim.has_suspect(queue, now=now(), kinds=names):
                with solo.alone():
                    count += _run_suspects(queue, names, now, is_stopping)
        if not count:
            break
        total += count
    return total


def _run_suspects(
    queue: str, names: Sequence[str] | None, now: Callable[[], datetime], is_stopping: Callable[[], bool]
) -> int:
    """Run suspects, each alone, for a moment; returns how many."""
    ends = time.monotonic() + SUSPECT_SLICE
    total = 0
    while _claim_and_run(queue, names, now, suspect=True):
        total += 1
        if time.monotonic() >= ends or is_stopping():
            break
    return total


def _claim_and_run(
    queue: str, names: Sequence[str] | None, now: Callable[[], datetime], *, suspect: bool
) -> int:
    lease_ends = time.monotonic() + settings.WORK_LEASE.total_seconds()
    items = claim.claim(queue, limit=_limit(), now=now(), kinds=names, suspect=suspect)
    if items:
        failpoints.reach("work.claimed")
        run(holds.put_aside(items), now=now, ends=lease_ends)
    return len(items)


def run(items: Sequence[Item], *, now: Callable[[], datetime] = clock.now, ends: float | None = None) -> None:
    """Run leased items, kind by kind, in id order within a kind.

    `ends` is when their lease does, by the monotonic clock: no call to the outside begins later.
    """
    if ends is None:
        ends = time.monotonic() + settings.WORK_LEASE.total_seconds()
    for name, group in groupby(sorted(items, key=lambda item: (item.kind, item.id)), lambda item: item.kind):
        kind = kinds.get(name)
        batch = list(group)
        if isinstance(kind, BatchKind):
            _run_batch(kind, batch, now)
        elif isinstance(kind, EffectKind):
            _run_effects(kind, batch, now, ends)
        else:
            _decide(batch, {item.id: Dead(f"no such work kind: {name}") for item in batch}, now())


def _limit() -> int:
    return SQLITE_BATCH if connection.vendor == "sqlite" else 100


def _run_batch(kind: BatchKind[Any, Any], items: Sequence[Item], now: Callable[[], datetime]) -> None:
    try:
        with transaction.atomic(), trips.gathered():
            context = kind.load(items)
            failpoints.reach("work.loaded")
            results = [kind.apply(item, context) for item in items]
            failpoints.reach("work.applied")
            kind.save(results, context)
            failpoints.reach("work.batch_saved")
            finish.finish(items, {}, now=now())
            failpoints.reach("work.batch_finished")
        failpoints.reach("work.batch_committed")
    except Exception as error:
        if len(items) > 1:
            for item in items:
                _run_batch(kind, [item], now)
            return
        _fail(items, error, now())


def _run_effects(
    kind: EffectKind[Any, Any], items: Sequence[Item], now: Callable[[], datetime], ends: float
) -> None:
    try:
        with transaction.atomic(), trips.gathered():
            prepared = kind.prepare(items)
            failpoints.reach("work.intent_saved")
            decided = {id_: value for id_, value in prepared.items() if isinstance(value, Decision)}
            # Nobody records an intent for an item that is somebody else's by now.
            finish.require_held(items)
            finish.finish_held([item for item in items if item.id in decided], decided, now=now())
        failpoints.reach("work.intent_committed")
    except Exception as error:
        if len(items) > 1:
            for item in items:
                _run_effects(kind, [item], now, ends)
            return
        _fail(items, error, now())
        return
    pending = [item for item in items if item.id in prepared and item.id not in decided]
    if pending:
        _call_all(kind, [(item, prepared[item.id]) for item in pending], now, ends)


def _call_all(
    kind: EffectKind[Any, Any],
    calls: Sequence[tuple[Item, Any]],
    now: Callable[[], datetime],
    ends: float,
) -> None:
    """Make the calls in threads; settle them as they come in, so a slow one holds nobody else's outcome."""
    threads = _threads()
    running: dict[Future[Any], tuple[Item, Any]] = {
        threads.submit(_call, kind, intent, ends): (item, intent) for item, intent in calls
    }
    try:
        while running:
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            failpoints.reach("work.effect_called")
            results = [(*running.pop(future), _outcome(future)) for future in finished]
            made = [result for result in results if not isinstance(result[2], LeaseOver)]
            if made:
                _settle(kind, made, now)
    finally:
        # Nothing is left behind when the loop is torn down: what has begun is waited for, the rest not made.
        wait([future for future in running if not future.cancel()])


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


def _settle(
    kind: EffectKind[Any, Any], results: Sequence[tuple[Item, Any, Any]], now: Callable[[], datetime]
) -> None:
    try:
        with transaction.atomic(), trips.gathered():
            decisions = kind.settle(results)
            failpoints.reach("work.effect_settled")
            held = finish.still_held([item for item, _, _ in results])
            finish.finish_held(held, decisions, now=now())
            failpoints.reach("work.effect_finished")
        failpoints.reach("work.effect_committed")
        finish.count_fenced(len(results) - len(held))
    except Exception:
        # The intent stays recorded; when the lease ends, the kind finds it and reconciles.
        if len(results) == 1:
            logger.exception("work_settle_failed", kind=kind.name, item=results[0][0].id)
            return
        for result in results:
            _settle(kind, [result], now)


def _fail(items: Sequence[Item], error: Exception, now: datetime) -> None:
    if isinstance(error, finish.Fenced):
        finish.count_fenced(len(items))
        return
    logger.warning("work_failed", kind=items[0].kind, item=items[0].id, exc_info=error)
    _decide(items, {item.id: Retry(f"{type(error).__name__}: {error}") for item in items}, now)


def _decide(items: Sequence[Item], decisions: dict[int, Decision], now: datetime) -> None:
    try:
        with transaction.atomic(), trips.gathered():
            finish.finish(items, decisions, now=now)
            failpoints.reach("work.failing")
        failpoints.reach("work.failed")
    except finish.Fenced:
        finish.count_fenced(len(items))
