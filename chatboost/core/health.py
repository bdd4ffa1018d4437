"""Health: `/livez` says the process answers, `/readyz` says the installation does its work.

A check that hangs must not hang its caller, and no time limit of a client ends every wait. So the checks run
in threads, and whoever asks is answered in time.
"""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta

import structlog
from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from chatboost.core import clock, pulse
from chatboost.core.api.access import open_to
from chatboost.core.work import lag

logger = structlog.get_logger(__name__)

OLDEST_DUE_LIMIT = timedelta(seconds=60)
# How long a part may be silent. Worker and beat exist only where Celery serves a queue.
SILENCE_LIMITS = {"sweep": timedelta(seconds=30)}
CELERY_SILENCE_LIMITS = {"beat": timedelta(seconds=60), "worker": timedelta(seconds=120)}
DEADLINE = timedelta(seconds=1.8)
# Checks that hang, of questions that were answered long ago. Beyond these nobody is asked any more.
MAX_THREADS = 12

Verdicts = Mapping[str, str]

_threads = threading.BoundedSemaphore(MAX_THREADS)


@open_to("anybody")
@require_safe
@never_cache
def livez(request: HttpRequest) -> JsonResponse:
    """Answer that the process is alive; touches nothing else."""
    return JsonResponse({"status": "ok"})


@open_to("anybody")
@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when every check passes, else 503; each check is `ok` or a reason without details."""
    checks = _verdicts()
    is_ready = all(verdict == "ok" for verdict in checks.values())
    return JsonResponse(
        {"status": "ok" if is_ready else "unavailable", "checks": checks}, status=200 if is_ready else 503
    )


def _verdicts() -> dict[str, str]:
    """Run the checks side by side; what has not answered by the deadline is unavailable."""
    ends = time.monotonic() + DEADLINE.total_seconds()
    checks: list[tuple[Callable[[], Verdicts], tuple[str, ...]]] = [
        (_database, ("database", "work", *_silence_limits())),
        (_cache, ("cache",)),
    ]
    if settings.WORK_CELERY_QUEUES:  # without them there is no broker to ask: a pump does everything
        checks.append((_broker, ("broker",)))
    verdicts = {name: "unavailable" for _, names in checks for name in names}
    running = [_start(check, verdicts) for check, _ in checks]
    for thread in running:
        if thread is not None:
            thread.join(max(0.0, ends - time.monotonic()))
    return dict(verdicts)


def _start(check: Callable[[], Verdicts], verdicts: dict[str, str]) -> threading.Thread | None:
    if not _threads.acquire(blocking=False):
        return None

    def run() -> None:
        try:
            verdicts.update(check())
        except Exception as error:  # whatever it is, this part does not answer
            logger.warning("readyz_check_failed", check=check.__name__, error=str(error))
        finally:
            _threads.release()

    thread = threading.Thread(target=run, name=f"readyz{check.__name__}", daemon=True)
    thread.start()
    return thread


def _silence_limits() -> dict[str, timedelta]:
    return SILENCE_LIMITS | (CELERY_SILENCE_LIMITS if settings.WORK_CELERY_QUEUES else {})


def _database() -> Verdicts:
    """Ask on a connection of its own: that a new one can be made is part of the answer. Two queries."""
    try:
        now = clock.now()
        ages = pulse.ages(now)
        is_late = lag.is_late(settings.WORK_QUEUES, before=now - OLDEST_DUE_LIMIT)
    finally:
        connection.close()
    verdicts = {"database": "ok", "work": "oldest due work is late" if is_late else "ok"}
    return verdicts | {part: _punctuality(ages.get(part), limit) for part, limit in _silence_limits().items()}


def _punctuality(age: timedelta | None, limit: timedelta) -> str:
    if age is None:
        return "starting"
    return "ok" if age < limit else "late"


def _cache() -> Verdicts:
    cache.set("readyz", "ok", 5)
    return {"cache": "ok" if cache.get("readyz") == "ok" else "unavailable"}


def _broker() -> Verdicts:
    with current_app.connection_for_write(transport_options={"max_retries": 0}) as broker:
        broker.ensure_connection(max_retries=1, timeout=1, interval_start=0)
    return {"broker": "ok"}
