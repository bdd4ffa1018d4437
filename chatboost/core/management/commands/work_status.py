"""`manage.py work_status`: what is owed, what is late, what died, who is alive."""

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand
from django.db.models import Count, Min, Q

from chatboost.core import clock, pulse
from chatboost.core.models import WorkItem, WorkState


class Command(BaseCommand):
    """Print the work table in a few lines."""

    help = "Show open work by queue and kind, the oldest that is due, dead letters, and signs of life."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the table, then the signs of life, then the counters."""
        now = clock.now()
        self._print_work(now)
        for name, age in sorted(pulse.ages(now).items()):
            self.stdout.write(f"{name} was here {age.total_seconds():.0f} s ago")
        for name, value in sorted(pulse.values().items()):
            self.stdout.write(f"{name}: {value}")

    def _print_work(self, now: datetime) -> None:
        rows = WorkItem.objects.values("queue", "kind").annotate(
            **{state.value: Count("id", filter=Q(state=state)) for state in WorkState},
            oldest=Min("run_at", filter=Q(state=WorkState.READY, run_at__lte=now)),
        )
        if not rows:
            self.stdout.write("No work is owed.")
            return
        states = [state.value for state in WorkState]
        titles = "".join(f"{state:>11}" for state in [*states, "oldest"])
        self.stdout.write(f"{'queue':<13}{'kind':<34}{titles}")
        found: list[dict[str, Any]] = list(rows.order_by("queue", "kind"))  # type: ignore[arg-type]
        for row in found:
            age = f"{(now - row['oldest']).total_seconds():.0f} s" if row["oldest"] else "-"
            counts = "".join(f"{row[state]:>11}" for state in states)
            self.stdout.write(f"{row['queue']:<13}{row['kind']:<34}{counts}{age:>11}")
