"""Dead work: tried again by a person who has removed the cause, or discarded by one who does without."""

from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, transaction

from chatboost.core import audit, clock
from chatboost.core.models import WorkItem, WorkState
from chatboost.core.work import nudge


@transaction.atomic
def retry(items: Iterable[WorkItem], *, actor: Any) -> int:
    """Put dead items back in line with a clean record; returns how many. Others are left as they are.

    An item whose work waits already under its dedupe key is dropped, and counts.
    """
    retried = [item for item in items if _retry_one(item)]
    for item in retried:
        audit.record(actor=actor, verb="work.retried", object=item)
    for queue in {item.queue for item in retried}:
        transaction.on_commit(lambda queue=queue: nudge.ring(queue))  # type: ignore[misc]
    return len(retried)


@transaction.atomic
def discard(items: Iterable[WorkItem], *, actor: Any) -> int:
    """Remove dead items for good; the audit log keeps what each was, and why it died."""
    discarded = 0
    for item in items:
        if WorkItem.objects.filter(pk=item.pk, state=WorkState.DEAD).delete()[0]:
            error = item.last_error.splitlines()[0] if item.last_error else ""
            audit.record(
                actor=actor, verb="work.discarded", object=item, changes={"last_error": (error, None)}
            )
            discarded += 1
    return discarded


def _retry_one(item: WorkItem) -> bool:
    dead = WorkItem.objects.filter(pk=item.pk, state=WorkState.DEAD)
    try:
        with transaction.atomic():
            return bool(dead.update(state=WorkState.READY, run_at=clock.now(), error_count=0, crash_count=0))
    except IntegrityError:
        # The same work waits already, under the same dedupe key: this one is not needed any more.
        return bool(dead.delete()[0])
