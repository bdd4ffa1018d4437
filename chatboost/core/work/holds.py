"""Work of an organization that is switched off: put aside when its turn comes, until it is back.

Nothing is marked in advance, so there is nothing to forget: whatever is claimed after the organization was
switched off does not run, however it came into the table.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from django.db import transaction

from chatboost.core import clock
from chatboost.core.models import WorkItem, WorkState
from chatboost.core.tenancy import activity
from chatboost.core.work import finish, nudge
from chatboost.core.work.kinds import Item

# Due at no time that anybody lives to see: outside its lane, and overdue for nobody.
ASIDE = datetime(9000, 1, 1, tzinfo=UTC)


def put_aside(items: Sequence[Item]) -> list[Item]:
    """Return the leased items that may run; those of organizations that are switched off wait from now on."""
    inactive = activity.inactive({item.organization_id for item in items})
    if not inactive:
        return list(items)
    with transaction.atomic():
        # One that was switched on since has released what waited for it: nothing may come after that.
        inactive = activity.hold_inactive(inactive)
        held = finish.still_held([item for item in items if item.organization_id in inactive])
        for item in held:
            finish.drop_twin(item.id, item.kind)
        WorkItem.objects.filter(id__in=[item.id for item in held]).update(
            state=WorkState.SCHEDULED, run_at=ASIDE, token=None, lease_until=None
        )
    return [item for item in items if item.organization_id not in inactive]


def release(organization_id: int) -> int:
    """Put back in line, in its old order, what waits for the organization; returns how many items.

    In the transaction that switches the organization on.
    """
    # All at once: in pieces, a later item of a lane could overtake an older one.
    waiting = WorkItem.objects.filter(
        organization_id=organization_id, state=WorkState.SCHEDULED, run_at__gte=ASIDE
    )
    queues = set(waiting.values_list("queue", flat=True))
    count = waiting.update(state=WorkState.READY, run_at=clock.now())
    for queue in queues:
        transaction.on_commit(lambda queue=queue: nudge.ring(queue))  # type: ignore[misc]
    return count
