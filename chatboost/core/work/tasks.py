"""Celery's part: tasks that carry a queue name, and nothing else."""

import time

from celery import shared_task
from django.conf import settings

from chatboost.core import clock, pulse
from chatboost.core.ticks import beat, firing
from chatboost.core.work import nudge
from chatboost.core.work.drain import MAX_TIME, drain
from chatboost.core.work.sweep import sweep


@shared_task(name=nudge.TASK_NAME)
def drain_queue(queue: str) -> None:
    """Run what is due in a queue for at most ten seconds; ring again when time ran out."""
    if queue not in settings.WORK_QUEUES:
        return
    started = time.monotonic()
    drain(queue)
    if time.monotonic() - started >= MAX_TIME.total_seconds():
        nudge.ring(queue)


@shared_task(name="core.sweep")
def sweep_work() -> None:
    """Put expired leases and due items back in line."""
    sweep(now=clock.now())
    pulse.beat("worker")


@shared_task(name=beat.TASK)
def fire_tick(name: str) -> None:
    """Fire a tick's slot, if nobody has."""
    firing.fire(name, now=clock.now())
