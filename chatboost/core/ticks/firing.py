"""Firing: the slot's row and its work in one transaction, so a slot is fired once and never half."""

from datetime import datetime

from django.db import IntegrityError, transaction

from chatboost.core.models import TickRun
from chatboost.core.ticks import registry, work
from chatboost.core.ticks.registry import Tick
from chatboost.core.work import failpoints, queue

# The slot that this process has last seen fired, by tick: spares a look into the table each second.
_seen: dict[str, datetime] = {}


def fire(name: str, *, now: datetime) -> bool:
    """Fire the slot that is due of one tick; returns whether nobody had. Unknown names are ignored."""
    tick = registry.get(name)
    return tick is not None and _fire(tick, tick.slot(now))


def fire_due(*, now: datetime) -> int:
    """Fire every tick whose slot nobody has fired; returns how many.

    After a downtime only the last slot of each counts: a tick looks at the state of things, not at its slot.
    """
    count = 0
    for tick in registry.registered().values():
        slot = tick.slot(now)
        if _seen.get(tick.name) != slot:
            count += _fire(tick, slot)
            _seen[tick.name] = slot
    return count


def _fire(tick: Tick, slot: datetime) -> bool:
    # A look first: on SQLite even a refused insert waits for the only writer.
    if TickRun.objects.filter(name=tick.name, slot=slot).exists():
        return False
    try:
        with transaction.atomic():
            run = TickRun.objects.create(name=tick.name, slot=slot)
            queue.enqueue(work.order(tick, run))
            failpoints.reach("tick.firing")
    except IntegrityError:
        return False  # somebody else was faster
    failpoints.reach("tick.fired")
    return True
