"""`manage.py list_ticks`: what the clock does, and when it last did."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db.models import Max

from chatboost.core import clock
from chatboost.core.models import TickRun
from chatboost.core.ticks import Tick, registered


class Command(BaseCommand):
    """Print every tick with its last and its due slot."""

    help = "List the ticks, when they run, and when each last ran."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line a tick, by name."""
        runs = TickRun.objects.values("name").annotate(slot=Max("slot"), finished=Max("finished_at"))
        last = {run["name"]: run for run in runs}
        now = clock.now()
        for name, tick in sorted(registered().items()):
            run = last.get(name)
            slot = f"{run['slot']:%Y-%m-%d %H:%M:%S}" if run else "never"
            due = "" if run and run["slot"] >= tick.slot(now) else "  (due)"
            self.stdout.write(f"{name:<36} {_when(tick):<18} last slot {slot}{due}")


def _when(tick: Tick) -> str:
    return f"at {tick.at}" if tick.at else f"every {tick.every}"
