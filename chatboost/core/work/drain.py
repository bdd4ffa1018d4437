"""The loop: claim, run, finish, until the queue is empty or the time is up."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction

from chatboost.core import clock
from chatboost.core.db import trips
from chatboost.core.db.retry import retry_tx
from chatboost.core.work import claim, failpoints, finish, holds, kinds, solo
from chatboost.core.work.calls import Calls
from chatboost.core.work.kinds import BatchKind, Dead, Decision, EffectKind, Item, Retry

logger = structlog.get_logger(__name__)


MAX_TIME = timedelta(seconds=10)
# No call begins later after its claim: what is behind a slow vendor goes back in line before a worker's time
# limit, or its lease, ends.
BEGIN_WITHIN = timedelta(seconds=50)
# Seconds between two looks for suspects in a queue that is never empty.
SUSPECT_INTERVAL = 0.25
# Seconds for suspects at each look, one after the other: a worker of a hundred items may have died.
SUSPECT_SLICE = 0.1
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
            count = _claim_and_run(queue, names, now, is_stopping, suspect=False)
        # Suspects have waited for a while already: while there is other work, not each turn looks for them.
        if solo.is_possible() and (not count or time.monotonic() - looked_at >= SUSPECT_INTERVAL):
            looked_at = time.monotonic()
            if claim.has_suspect(queue, now=now(), kinds=names):
                count += _run_suspects(queue, names, now, is_stopping)
        if not count:
            break
        total += count
    return total


def _run_suspects(
    queue: str, names: Sequence[str] | None, now: Callable[[], datetime], is_stopping: Callable[[], bool]
) -> int:
    """Run suspects, each alone, for a moment; returns how many."""
    total = 0
    with solo.alone() as is_alone:
        ends = time.monotonic() + SUSPECT_SLICE
        while is_alone and _claim_and_run(queue, names, now, is_stopping, suspect=True):
            total += 1
            if time.monotonic() >= ends or is_stopping():
                break
    return total


def _claim_and_run(
    queue: str,
    names: Sequence[str] | None,
    now: Callable[[], datetime],
    is_stopping: Callable[[], bool],
    *,
    suspect: bool,
) -> int:
    ends = time.monotonic() + min(settings.WORK_LEASE, BEGIN_WITHIN).total_seconds()
    items = claim.claim(queue, limit=_limit(), now=now(), kinds=names, suspect=suspect)
    if items:
        failpoints.reach("work.claimed")
        run(holds.put_aside(items), now=now, ends=ends, is_stopping=is_stopping)
    return len(items)


def run(
    items: Sequence[Item],
    *,
    now: Callable[[], datetime] = clock.now,
    ends: float | None = None,
    is_stopping: Callable[[], bool] = lambda: False,
) -> None:
    """Run leased items, kind by kind, in id order within a kind.

    After `ends`, by the monotonic clock, nothing begins. What was not begun then, or when a stop is asked
    for, waits in line again.
    """
    if ends is None:
        ends = time.monotonic() + settings.WORK_LEASE.total_seconds()
    ordered = sorted(items, key=lambda item: (item.kind, item.id))
    left = [list(group) for _, group in groupby(ordered, lambda item: item.kind)]
    try:
        while left and time.monotonic() < ends and not is_stopping():
            _run_kind(left.pop(0), now, ends, is_stopping)
    finally:
        _put_back([item for batch in left for item in batch])


def _run_kind(
    items: Sequence[Item], now: Callable[[], datetime], ends: float, is_stopping: Callable[[], bool]
) -> None:
    kind = kinds.get(items[0].kind)
    if isinstance(kind, BatchKind):
        _run_batch(kind, items, now)
    elif isinstance(kind, EffectKind):
        _run_effects(kind, items, now, ends, is_stopping)
    else:
        _decide(items, {item.id: Dead(f"no such work kind: {item.kind}") for item in items}, now())


def _put_back(items: Sequence[Item]) -> None:
    def save() -> int:
        with transaction.atomic():
            return finish.put_back(items)

    if not items:
        return
    try:
        finish.count_fenced(len(items) - retry_tx(save))
    except Exception:
        # They come back when their lease ends.
        logger.exception("work_put_back_failed", items=len(items))


def _limit() -> int:
    return SQLITE_BATCH if connection.vendor == "sqlite" else 100


def _run_batch(kind: BatchKind[Any, Any], items: Sequence[Item], now: Callable[[], datetime]) -> None:
    try:
        retry_tx(lambda: _save_batch(kind, items, now))
        failpoints.reach("work.batch_committed")
    except Exception as error:
        if len(items) > 1:
            for item in items:
                _run_batch(kind, [item], now)
            return
        _fail(items, error, now())


def _save_batch(kind: BatchKind[Any, Any], items: Sequence[Item], now: Callable[[], datetime]) -> None:
    with transaction.atomic(), trips.gathered():
        context = kind.load(items)
        failpoints.reach("work.loaded")
        results = [kind.apply(item, context) for item in items]
        failpoints.reach("work.applied")
        kind.save(results, context)
        failpoints.reach("work.batch_saved")
        finish.finish(items, {}, now=now())
        failpoints.reach("work.batch_finished")


def _run_effects(
    kind: EffectKind[Any, Any],
    items: Sequence[Item],
    now: Callable[[], datetime],
    ends: float,
    is_stopping: Callable[[], bool],
) -> None:
    try:
        intents = retry_tx(lambda: _save_intents(kind, items, now))
        failpoints.reach("work.intent_committed")
    except Exception as error:
        if len(items) > 1:
            for item in items:
                _run_effects(kind, [item], now, ends, is_stopping)
            return
        _fail(items, error, now())
        return
    with Calls(now, is_stopping) as calls:
        calls.make(kind, intents, ends)
        while calls:
            calls.settle_some()


def _save_intents(
    kind: EffectKind[Any, Any], items: Sequence[Item], now: Callable[[], datetime]
) -> list[tuple[Item, Any]]:
    """Record what is about to be done; returns the calls that are left to make."""
    with transaction.atomic(), trips.gathered():
        prepared = kind.prepare(items)
        failpoints.reach("work.intent_saved")
        decided = {id_: value for id_, value in prepared.items() if isinstance(value, Decision)}
        # Nobody records an intent for an item that is somebody else's by now.
        finish.require_held(items)
        finish.finish_held([item for item in items if item.id in decided], decided, now=now())
    pending = [item for item in items if item.id in prepared and item.id not in decided]
    return [(item, prepared[item.id]) for item in pending]


def _fail(items: Sequence[Item], error: Exception, now: datetime) -> None:
    if isinstance(error, finish.Fenced):
        finish.count_fenced(len(items))
        return
    logger.warning("work_failed", kind=items[0].kind, item=items[0].id, exc_info=error)
    _decide(items, {item.id: Retry(f"{type(error).__name__}: {error}") for item in items}, now)


def _decide(items: Sequence[Item], decisions: dict[int, Decision], now: datetime) -> None:
    def decide() -> None:
        with transaction.atomic():
            finish.finish(items, decisions, now=now)
            failpoints.reach("work.failing")

    try:
        retry_tx(decide)
        failpoints.reach("work.failed")
    except finish.Fenced:
        finish.count_fenced(len(items))
