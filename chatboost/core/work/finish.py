"""Ending a lease: finished, back in line, or dead; only for whoever still holds the token."""

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db.models import F

from chatboost.core.models import WorkItem, WorkState
from chatboost.core.work.kinds import Dead, Decision, Defer, Done, Item, Retry

logger = structlog.get_logger(__name__)

MAX_ERROR_TEXT = 2000


class Fenced(Exception):
    """The lease was lost: somebody else owns the item now. The caller's transaction must roll back."""


def finish(items: Sequence[Item], decisions: Mapping[int, Decision], *, now: datetime) -> None:
    """Apply each item's decision in id order. An item without a decision is done.

    Raises: Fenced when any item is no longer ours.
    """
    ordered = sorted(items, key=lambda item: item.id)
    if not ordered:
        return
    held = _lock(ordered)
    if held != len(ordered):
        logger.warning("work_fenced", items=len(ordered), held=held)
        raise Fenced(f"{len(ordered) - held} of {len(ordered)} leases were lost")
    done = [item.id for item in ordered if isinstance(decisions.get(item.id, Done()), Done)]
    if done:
        WorkItem.objects.filter(id__in=done).delete()
    for item in ordered:
        _release(item, decisions.get(item.id, Done()), now)


def still_held(items: Sequence[Item]) -> list[Item]:
    """Return those items whose lease is still ours, locked until the end of the transaction."""
    ids = set(
        WorkItem.objects.filter(id__in=[item.id for item in items], token__in={item.token for item in items})
        .select_for_update()
        .order_by("id")
        .values_list("id", flat=True)
    )
    lost = [item for item in items if item.id not in ids]
    if lost:
        logger.warning("work_fenced", items=len(items), held=len(ids))
    return [item for item in items if item.id in ids]


def backoff(error_count: int, floor: timedelta | None = None) -> timedelta:
    """Return a wait with full jitter, doubling up to the cap; `floor` is the vendor's Retry-After."""
    ceiling = min(settings.WORK_BACKOFF_CAP, settings.WORK_BACKOFF_BASE * 2 ** min(error_count, 20))
    jittered: timedelta = random.random() * ceiling  # noqa: S311 spreads load, guards nothing
    return (floor or timedelta()) + jittered


def _lock(items: Sequence[Item]) -> int:
    # The id order is the lock order everywhere, so two workers can't deadlock.
    return len(
        WorkItem.objects.filter(
            id__in=[item.id for item in items],
            token__in={item.token for item in items},
            state=WorkState.LEASED,
        )
        .select_for_update()
        .order_by("id")
        .values_list("id", flat=True)
    )


def _release(item: Item, decision: Decision, now: datetime) -> None:
    row = WorkItem.objects.filter(id=item.id)
    match decision:
        case Done():
            return
        case Defer(until):
            row.update(state=WorkState.READY, run_at=until, token=None, lease_until=None)
        case Retry(error, after) if item.error_count + 1 < settings.WORK_MAX_ERRORS:
            row.update(
                state=WorkState.READY,
                run_at=now + backoff(item.error_count + 1, after),
                error_count=F("error_count") + 1,
                last_error=error[:MAX_ERROR_TEXT],
                token=None,
                lease_until=None,
            )
        case Retry(error) | Dead(error):
            row.update(
                state=WorkState.DEAD,
                error_count=F("error_count") + 1,
                last_error=error[:MAX_ERROR_TEXT],
                token=None,
                lease_until=None,
            )
            logger.error("work_dead", kind=item.kind, item=item.id, subject=item.subject_id)
