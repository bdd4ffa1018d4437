"""The sweep: expired leases, due items, and queues whose doorbell was lost."""

from datetime import datetime

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Case, CharField, F, TextField, Value, When

from chatboost.core.models import WorkItem, WorkState
from chatboost.core.work import nudge

logger = structlog.get_logger(__name__)

BATCH = 1000


def sweep(*, now: datetime) -> int:
    """Put expired leases and due items back in line; returns how many moved. Safe at any time."""
    moved = _expire_leases(now) + _promote_due(now)
    for queue in (
        WorkItem.objects.filter(state=WorkState.READY, run_at__lte=now)
        .values_list("queue", flat=True)
        .distinct()
    ):
        nudge.ring(queue)
    return moved


def _expire_leases(now: datetime) -> int:
    expired = WorkItem.objects.filter(state=WorkState.LEASED, lease_until__lt=now)
    if not expired.exists():
        return 0
    is_last = F("crash_count") + 1
    with transaction.atomic():
        ids = list(
            expired.select_for_update(skip_locked=True).order_by("id").values_list("id", flat=True)[:BATCH]
        )
        # The condition is repeated: on SQLite the row lock above is none.
        count = WorkItem.objects.filter(id__in=ids, state=WorkState.LEASED, lease_until__lt=now).update(
            crash_count=is_last,
            state=Case(
                When(crash_count__gte=settings.WORK_MAX_CRASHES - 1, then=Value(WorkState.DEAD)),
                default=Value(WorkState.READY),
                output_field=CharField(),
            ),
            last_error=Case(
                When(last_error="", then=Value("the worker died or stalled while it held the item")),
                default=F("last_error"),
                output_field=TextField(),
            ),
            token=None,
            lease_until=None,
        )
    if count:
        logger.warning("work_lease_expired", items=count)
    return count


def _promote_due(now: datetime) -> int:
    due = WorkItem.objects.filter(state=WorkState.SCHEDULED, run_at__lte=now)
    ids = list(due.order_by("run_at").values_list("id", flat=True)[:BATCH])
    if not ids:
        return 0
    try:
        with transaction.atomic():
            return WorkItem.objects.filter(id__in=ids, state=WorkState.SCHEDULED).update(
                state=WorkState.READY
            )
    except IntegrityError:
        # A twin with the same dedupe key came in between: promote one by one, drop the twin.
        return sum(_promote_one(item_id) for item_id in ids)


def _promote_one(item_id: int) -> int:
    try:
        with transaction.atomic():
            return WorkItem.objects.filter(id=item_id, state=WorkState.SCHEDULED).update(
                state=WorkState.READY
            )
    except IntegrityError:
        WorkItem.objects.filter(id=item_id, state=WorkState.SCHEDULED).delete()
        return 0
