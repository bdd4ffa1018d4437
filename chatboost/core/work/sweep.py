"""The sweep: expired leases, due items, and queues whose doorbell was lost."""

import time
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import IntegrityError, connection, transaction

from chatboost.core import clock, pulse
from chatboost.core.models import AttemptOutcome, WorkItem, WorkState
from chatboost.core.work import failpoints, finish, nudge

logger = structlog.get_logger(__name__)

BATCH = 1000
SHOW_LIFE_EVERY = timedelta(seconds=5)
CRASHED = "the worker died or stalled while it held the item"

_shown_at = float("-inf")


def sweep(*, now: datetime) -> int:
    """Put expired leases and due items back in line; returns how many moved. Safe at any time."""
    # Whoever keeps a connection for days would not notice that a clock has gone wrong, or was put right.
    clock.follow(connection)
    moved = _expire_leases(now) + _promote_due(now)
    for queue in settings.WORK_QUEUES:
        # The first that is found is enough: the heap may be large.
        if WorkItem.objects.filter(queue=queue, state=WorkState.READY, run_at__lte=now).exists():
            nudge.ring(queue)
    _show_life()
    return moved


def _show_life() -> None:
    """Note that this process sweeps; every few seconds is enough, each note is a commit."""
    global _shown_at
    if time.monotonic() - _shown_at >= SHOW_LIFE_EVERY.total_seconds():
        _shown_at = time.monotonic()
        pulse.beat("sweep")


def _expire_leases(now: datetime) -> int:
    expired = WorkItem.objects.filter(state=WorkState.LEASED, lease_until__lt=now)
    if not expired.exists():
        return 0
    with transaction.atomic():
        # In id order, as everywhere. On SQLite the transaction itself is the lock.
        items = list(expired.select_for_update(skip_locked=True).order_by("id")[:BATCH])
        for item in items:
            _release_crashed(item, now)
        items = _without_twins(items)
        WorkItem.objects.bulk_update(
            items, ["crash_count", "state", "run_at", "last_error", "token", "lease_until"]
        )
        _tell_of_crashes(items)
        failpoints.reach("sweep.expiring")
    failpoints.reach("sweep.expired")
    if items:
        logger.warning("work_lease_expired", items=len(items))
        pulse.count("work_lease_expired", len(items))
    return len(items)


def _release_crashed(item: WorkItem, now: datetime) -> None:
    """Put an item back in line with a wait, or give it up when its crashes in a row reach the limit.

    The wait is spread, so the items of one crash don't come back as one.
    """
    item.crash_count += 1
    item.token = item.lease_until = None
    item.last_error = item.last_error or CRASHED
    if item.crash_count >= settings.WORK_MAX_CRASHES:
        item.state = WorkState.DEAD
    else:
        item.state = WorkState.READY
        item.run_at = now + finish.backoff(item.crash_count)


def _without_twins(items: list[WorkItem]) -> list[WorkItem]:
    """Drop what would wait twice under one dedupe key; the oldest of those that come back stays."""
    kept, keys = [], set()
    for item in items:
        key = (item.kind, item.dedupe_key)
        if item.dedupe_key is not None and item.state == WorkState.READY:
            if key in keys:
                item.delete()
                continue
            keys.add(key)
            finish.drop_twin(item.pk, item.kind)
        kept.append(item)
    return kept


def _tell_of_crashes(items: list[WorkItem]) -> None:
    dead = [item for item in items if item.state == WorkState.DEAD]
    crashed = [item for item in items if item.state != WorkState.DEAD]
    for rows, outcome in ((crashed, AttemptOutcome.CRASHED), (dead, AttemptOutcome.DIED)):
        finish.note_attempts([(row.pk, row.organization_id, row.kind) for row in rows], outcome, CRASHED)
    for item in dead:
        logger.error("work_dead", kind=item.kind, item=item.pk, subject=item.subject_id)
    finish.announce_dead([(item.kind, item.subject_id) for item in dead])


def _promote_due(now: datetime) -> int:
    due = WorkItem.objects.filter(state=WorkState.SCHEDULED, run_at__lte=now)
    ids = list(due.order_by("run_at").values_list("id", flat=True)[:BATCH])
    if not ids:
        return 0
    try:
        with transaction.atomic():
            count = WorkItem.objects.filter(id__in=ids, state=WorkState.SCHEDULED).update(
                state=WorkState.READY
            )
            failpoints.reach("sweep.promoting")
        failpoints.reach("sweep.promoted")
    except IntegrityError:
        # A twin with the same dedupe key came in between: promote one by one, drop the twin.
        return sum(_promote_one(item_id) for item_id in ids)
    return count


def _promote_one(item_id: int) -> int:
    try:
        with transaction.atomic():
            return WorkItem.objects.filter(id=item_id, state=WorkState.SCHEDULED).update(
                state=WorkState.READY
            )
    except IntegrityError:
        WorkItem.objects.filter(id=item_id, state=WorkState.SCHEDULED).delete()
        return 0
