"""Celery Beat's part: a row for each tick, kept as the code says, and a sign of life."""

import json
import time
from datetime import timedelta
from typing import Any

import structlog
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, transaction
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks
from django_celery_beat.schedulers import DatabaseScheduler

from chatboost.core import pulse
from chatboost.core.ticks import registry
from chatboost.core.ticks.registry import Tick
from chatboost.core.ticks.work import QUEUE

logger = structlog.get_logger(__name__)

# Rows with this name are ours; an operator's own are never touched.
PREFIX = "chatboost: "
TASK = "core.tick"
BEAT_EVERY = timedelta(seconds=10)
DESCRIPTION = "Kept by the product: changes here are undone by the next migrate. A pump fires it too."


def sync(using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    """Make beat's rows say what the code declares. Runs after each migrate."""
    if PeriodicTask._meta.db_table not in connections[using].introspection.table_names():
        return  # a partial migrate
    wanted = {PREFIX + tick.name: _row(tick) for tick in registry.registered().values()}
    with transaction.atomic(using=using):
        ours = PeriodicTask.objects.using(using).filter(name__startswith=PREFIX)
        stale = ours.exclude(name__in=wanted).delete()[0]
        known = {task.name: task for task in ours.select_related("interval", "crontab")}
        changed = [task for name, task in known.items() if _differs(task, wanted[name])]
        missing = [PeriodicTask(name=name, **row) for name, row in wanted.items() if name not in known]
        PeriodicTask.objects.using(using).bulk_create(missing)
        for task in changed:
            PeriodicTask.objects.using(using).filter(pk=task.pk).update(**wanted[task.name])
        if stale or changed or missing:
            PeriodicTasks.update_changed()


def _row(tick: Tick) -> dict[str, Any]:
    return {
        "task": TASK,
        "args": json.dumps([tick.name]),
        "interval": _interval(tick),
        "crontab": _crontab(tick),
        "queue": QUEUE,
        "expire_seconds": 60,
        "enabled": True,
        "description": DESCRIPTION,
    }


def _differs(task: PeriodicTask, row: dict[str, Any]) -> bool:
    return any(getattr(task, name) != value for name, value in row.items())


def _interval(tick: Tick) -> IntervalSchedule | None:
    if tick.every is None:
        return None
    seconds = int(tick.every.total_seconds())
    return IntervalSchedule.objects.get_or_create(every=seconds, period=IntervalSchedule.SECONDS)[0]


def _crontab(tick: Tick) -> CrontabSchedule | None:
    if tick.at is None:
        return None
    names = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
    fields = dict(zip(names, tick.at.split(), strict=True))
    return CrontabSchedule.objects.get_or_create(**fields, timezone="UTC")[0]


class Scheduler(DatabaseScheduler):
    """The database's scheduler, which also shows that it is alive."""

    _shown_at = 0.0

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        """Send what is due; at most every ten seconds, note that we did."""
        wait = super().tick(*args, **kwargs)
        if time.monotonic() - self._shown_at >= BEAT_EVERY.total_seconds():
            self._shown_at = time.monotonic()
            try:
                pulse.beat("beat")
            except DatabaseError as error:
                logger.warning("beat_without_sign_of_life", error=str(error))
        return wait
