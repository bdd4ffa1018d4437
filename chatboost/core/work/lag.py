"""How late work is. Only what could run counts: what stands behind another item of its lane has to wait."""

from datetime import datetime, timedelta

from django.db.models import Exists, Min, OuterRef, Q, QuerySet

from chatboost.core.models import WorkItem, WorkState


def heads() -> QuerySet[WorkItem]:
    """Return the ready items that nothing in their lane keeps waiting: those that a claim may take."""
    # As in `claim_sql`: a leased item closes its lane also for an older one.
    lane = WorkItem.objects.filter(lane=OuterRef("lane"))
    leased = lane.filter(state=WorkState.LEASED)
    older = lane.filter(id__lt=OuterRef("id"), state__in=(WorkState.READY, WorkState.LEASED))
    is_free = Q(lane=None) | (~Exists(leased) & ~Exists(older))
    return WorkItem.objects.filter(is_free, state=WorkState.READY)


def is_late(queues: list[str], *, before: datetime) -> bool:
    """Tell whether anything in these queues could have run since that time, and has not. One query."""
    return heads().filter(queue__in=queues, run_at__lt=before).exists()


def ages(now: datetime) -> dict[str, timedelta]:
    """Return for each queue with due work how long the oldest waits. One query."""
    rows = heads().filter(run_at__lte=now).values_list("queue").annotate(Min("run_at"))
    return {queue: now - oldest for queue, oldest in rows.order_by("queue")}
