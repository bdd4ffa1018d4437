"""Running a tick, as a work kind."""

from collections.abc import Sequence
from datetime import timedelta

from chatboost.core import clock
from chatboost.core.models import TickRun
from chatboost.core.ticks import registry
from chatboost.core.ticks.registry import Run, Tick
from chatboost.core.work import kinds, queue
from chatboost.core.work.kinds import BatchKind, Item

QUEUE = "maintenance"
# Before what is only tidied up.
PRIORITY = 40


class TickKind(BatchKind[dict[int, TickRun], TickRun | None]):
    """Runs one piece of a tick's work; what remains is a new item in the same transaction."""

    def __init__(self, tick: Tick) -> None:
        self.name = tick.kind
        self._tick = tick

    def load(self, items: Sequence[Item]) -> dict[int, TickRun]:
        """Fetch the firings that have not finished."""
        return TickRun.objects.filter(finished_at=None).in_bulk([item.subject_id for item in items])

    def apply(self, item: Item, context: dict[int, TickRun]) -> TickRun | None:
        """Find the item's firing."""
        return context.get(item.subject_id)

    def save(self, results: Sequence[TickRun | None], context: dict[int, TickRun]) -> None:
        """Do a piece; say that it is finished, or come back for the rest."""
        for run in filter(None, results):
            if self._tick.run(clock.now()):
                queue.enqueue(order(self._tick, run))
            else:
                run.finished_at = clock.now()
                run.save(update_fields=["finished_at"])


def order(tick: Tick, run: TickRun) -> queue.Order:
    """Return the work of a firing. One lane a tick: it never runs beside itself."""
    return queue.Order(
        kind=tick.kind,
        subject_id=run.pk,
        organization_id=0,
        queue=QUEUE,
        lane=tick.kind,
        priority=PRIORITY,
    )


def declare(name: str, *, run: Run, every: timedelta | None = None, at: str | None = None) -> Tick:
    """Declare a tick, from a room's `housekeeping.py`: every so often, or at a cron expression's times (UTC).

    `run(now)` does one bounded piece of work in a transaction and returns True when more remains.

    Raises: ValueError when the name is taken, or not exactly one of `every` and `at` is given.
    """
    tick = Tick(name=name, run=run, every=every, at=at)
    registry.add(tick)
    kinds.register(TickKind(tick))
    return tick
