"""The doorbell: tells a worker that a queue has work. Harmless when lost, doubled or late.

`ring` only notes the queue; a daemon thread publishes a Celery task that carries nothing but the queue's
name. In the process of a pump, a listener is woken directly.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from celery import current_app
from django.conf import settings

from chatboost.core.work import failpoints

logger = logging.getLogger(__name__)

TASK_NAME = "core.drain"
PACE = timedelta(milliseconds=20)
EXPIRES = timedelta(seconds=60)


class _Doorbell:
    """One per process; the thread starts at the first ring and anew after a fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted: set[str] = set()
        self._event = threading.Event()
        self._pid = 0
        self.listeners: list[Callable[[str], None]] = []

    def ring(self, queue: str) -> None:
        for listener in self.listeners:
            listener(queue)
        if queue not in settings.WORK_CELERY_QUEUES:
            return
        with self._lock:
            self._wanted.add(queue)
            if self._pid != os.getpid():
                self._start()
        self._event.set()

    def _start(self) -> None:
        self._pid = os.getpid()
        self._event = threading.Event()
        threading.Thread(target=self._run, name="nudge", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._event.wait()
            self._event.clear()
            with self._lock:
                wanted, self._wanted = self._wanted, set()
            for queue in wanted:
                _publish(queue)
            time.sleep(PACE.total_seconds())


def _publish(queue: str) -> None:
    failpoints.reach("nudge.publishing")
    try:
        current_app.send_task(
            TASK_NAME, args=[queue], queue=queue, expires=EXPIRES.total_seconds(), retry=False
        )
    except Exception as error:  # the sweep finds the work without us
        logger.debug("nudge of %s was lost: %s", queue, error)


_doorbell = _Doorbell()


def ring(queue: str) -> None:
    """Tell whoever serves the queue that it has work. Never blocks, never raises."""
    _doorbell.ring(queue)


def listen(listener: Callable[[str], None]) -> None:
    """Call `listener(queue)` at each ring in this process."""
    _doorbell.listeners.append(listener)
