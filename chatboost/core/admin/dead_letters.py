"""Dead work, tried again by a person who has removed the cause."""

from collections.abc import Iterable

from django.db import IntegrityError, transaction

from chatboost.core import clock
from chatboost.core.models import WorkItem, WorkState
from chatboost.core.work import nudge


def retry(items: Iterable[WorkItem]) -> int:
    """Put dead items back in line with a clean record; returns how many. Others are left as they are."""
    retried = [item for item in items if _retry_one(item)]
    for queue in {item.queue for item in retried}:
        transaction.on_commit(lambda queue=queue: nudge.ring(queue))  # type: ignore[misc]
    return len(retried)


def _retry_one(item: WorkItem) -> bool:
    dead = WorkItem.objects.filter(pk=item.pk, state=WorkState.DEAD)
    try:
        with transaction.atomic():
            return bool(dead.update(state=WorkState.READY, run_at=clock.now(), error_count=0, crash_count=0))
    except IntegrityError:
        # The same work waits already, under the same dedupe key: this one is not needed any more.
        with transaction.atomic():
            dead.delete()
        return True
