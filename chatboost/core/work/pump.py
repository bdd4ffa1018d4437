"""A worker without a broker: drains queues in threads, sweeps and ticks, until told to stop."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from chatboost.core import clock
from chatboost.core.stopping import StopFlag
from chatboost.core.ticks import firing
from chatboost.core.work import kinds, nudge
from chatboost.core.work.drain import drain
from chatboost.core.work.kinds import BatchKind, EffectKind
from chatboost.core.work.sweep import sweep

logger = structlog.get_logger(__name__)

# While the database is away there is nothing to do but to look again.
OUTAGE_PAUSE = 1.0


class Pump:
    """Drains queues. Database work and the outside effects of each room have threads of their own, long ones
    apart, so a slow vendor holds up neither the next message nor another room's vendor."""

    def __init__(self, queues: Sequence[str]) -> None:
        self.queues = list(queues)
        self._asked = StopFlag()
        self._stop = threading.Event()
        self._wake: list[threading.Event] = []
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the threads and listen for nudges of this process."""
        nudge.listen(lambda queue: self._ring())
        groups = _groups()
        self._wake = [threading.Event() for _ in groups]
        self._threads = [
            threading.Thread(target=self._drain_loop, args=loop, name=f"pump-{loop[0][0]}", daemon=True)
            for loop in zip(groups, self._wake, strict=True)
        ]
        self._threads.append(threading.Thread(target=self._sweep_loop, name="pump-sweep", daemon=True))
        for thread in self._threads:
            thread.start()

    def request_stop(self) -> None:
        """Claim nothing more. Safe in a signal handler."""
        self._asked.set()

    def stop(self, timeout: float = 30.0) -> None:
        """Claim nothing more; wait for what is running."""
        self._asked.set()
        self._stop.set()
        self._ring()
        ends = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, ends - time.monotonic()))

    def wait(self) -> None:
        """Block until a stop is asked for."""
        self._asked.wait()

    def _ring(self) -> None:
        for wake in self._wake:
            wake.set()

    def _drain_loop(self, names: Sequence[str], wake: threading.Event) -> None:
        while not self._stop.is_set():
            wake.clear()
            if not self._guarded(lambda: self._drain_all(names)):
                wake.wait(settings.WORK_POLL_INTERVAL.total_seconds())
        connection.close()

    def _drain_all(self, names: Sequence[str]) -> int:
        return sum(drain(queue, names=names, is_stopping=self._asked.is_set) for queue in self.queues)

    def _sweep_loop(self) -> None:
        while not self._stop.wait(settings.WORK_SWEEP_INTERVAL.total_seconds()):
            if self._guarded(lambda: firing.fire_due(now=clock.now()) + sweep(now=clock.now())):
                self._ring()
        connection.close()

    def _guarded(self, work: Callable[[], int]) -> int:
        """Run one round; whatever goes wrong in it, a database that is away first of all, pauses the loop."""
        try:
            return work()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("pump_database_error", error=str(error))
            close_old_connections()
            connection.close()
            self._stop.wait(OUTAGE_PAUSE)
            return 0
        except Exception:  # a thread that ends would leave a worker that looks alive and does nothing
            logger.exception("pump_round_failed")
            self._stop.wait(OUTAGE_PAUSE)
            return 0


def _groups() -> list[list[str]]:
    """Return the kinds that share a thread: database work, each room's effects, and its long ones.

    A thread asks for work of its kinds alone, past all that others have waiting: with one for every kind, a
    large heap is looked through as often as there are kinds.
    """
    effects: dict[tuple[str, bool], list[str]] = {}
    for name in kinds.names(EffectKind):
        kind = cast(EffectKind[Any, Any], kinds.get(name))
        effects.setdefault((name.partition(".")[0], kind.is_long), []).append(name)
    return [kinds.names(BatchKind), *effects.values()]
