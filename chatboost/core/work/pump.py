"""A worker without a broker: drains queues in threads and sweeps, until told to stop."""

import threading
import time
from collections.abc import Callable, Sequence

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from chatboost.core import clock
from chatboost.core.work import kinds, nudge
from chatboost.core.work.drain import drain
from chatboost.core.work.kinds import BatchKind, EffectKind
from chatboost.core.work.sweep import sweep

logger = structlog.get_logger(__name__)

# While the database is away there is nothing to do but to look again.
OUTAGE_PAUSE = 1.0


class Pump:
    """Drains queues. Database work and outside effects have threads of their own, so a slow vendor
    never holds up the next message."""

    def __init__(self, queues: Sequence[str]) -> None:
        self.queues = list(queues)
        self._stop = threading.Event()
        self._wake = [threading.Event(), threading.Event()]
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the threads and listen for nudges of this process."""
        nudge.listen(lambda queue: self._ring())
        shapes: list[type] = [BatchKind, EffectKind]
        self._threads = [
            threading.Thread(
                target=self._drain_loop, args=(shape, wake), name=f"pump-{shape.__name__}", daemon=True
            )
            for shape, wake in zip(shapes, self._wake, strict=True)
        ]
        self._threads.append(threading.Thread(target=self._sweep_loop, name="pump-sweep", daemon=True))
        for thread in self._threads:
            thread.start()

    def request_stop(self) -> None:
        """Claim nothing more. Safe in a signal handler."""
        self._stop.set()
        self._ring()

    def stop(self, timeout: float = 30.0) -> None:
        """Claim nothing more; wait for what is running."""
        self.request_stop()
        ends = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, ends - time.monotonic()))

    def wait(self) -> None:
        """Block until `stop` is called."""
        self._stop.wait()

    def _ring(self) -> None:
        for wake in self._wake:
            wake.set()

    def _drain_loop(self, shape: type, wake: threading.Event) -> None:
        while not self._stop.is_set():
            wake.clear()
            if not self._guarded(lambda: self._drain_all(shape)):
                wake.wait(settings.WORK_POLL_INTERVAL.total_seconds())
        connection.close()

    def _drain_all(self, shape: type) -> int:
        names = kinds.names(shape)
        return sum(drain(queue, names=names, is_stopping=self._stop.is_set) for queue in self.queues)

    def _sweep_loop(self) -> None:
        while not self._stop.wait(settings.WORK_SWEEP_INTERVAL.total_seconds()):
            if self._guarded(lambda: sweep(now=clock.now())):
                self._ring()
        connection.close()

    def _guarded(self, work: Callable[[], int]) -> int:
        """Run one round; a database that is away pauses the loop, never ends it."""
        try:
            return work()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("pump_database_error", error=str(error))
            close_old_connections()
            connection.close()
            self._stop.wait(OUTAGE_PAUSE)
            return 0
