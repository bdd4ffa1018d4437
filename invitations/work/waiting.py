"""How work about a whole batch or source waits and gives up. A step's own way is in `stepping`."""

import random
from datetime import datetime, timedelta
from typing import Final

from chatboost.core import clock
from chatboost.core.models import WorkItem
from chatboost.core.work import finish
from chatboost.core.work.kinds import Defer, Item
from invitations.work.outcomes import Failure, Held

# So long something is tried before it has failed.
MAX_AGE: Final = timedelta(hours=24)
# When to look again whether credentials have changed, and over how long those who look are spread.
REFUSED_WAIT: Final = timedelta(minutes=2)
REFUSED_SPREAD: Final = timedelta(minutes=1)
# Of the doublings of a wait where nothing counts the tries.
_DOUBLINGS: Final = 3


def later() -> datetime:
    """Return when whoever is refused looks again."""
    return clock.now() + REFUSED_WAIT + random.random() * REFUSED_SPREAD  # noqa: S311 spreads load


def is_too_old(item: Item) -> bool:
    """Tell whether an item has been tried for as long as that is worth it. One query."""
    created = WorkItem.objects.filter(pk=item.id).values_list("created_at", flat=True).first()
    return created is not None and clock.now() - created >= MAX_AGE


def put_off(outcome: Failure | Held) -> Defer:
    """Return when to try again what nobody counts."""
    if isinstance(outcome, Held):
        return Defer(outcome.until)
    return Defer(clock.now() + finish.backoff(_DOUBLINGS, outcome.pause))
