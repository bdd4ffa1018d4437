"""Health: `/livez` says the process answers, `/readyz` says the installation does its work."""

from collections.abc import Callable
from datetime import timedelta

from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from chatboost.core import clock
from chatboost.core.models import WorkItem, WorkState

OLDEST_DUE_LIMIT = timedelta(seconds=60)


@require_safe
@never_cache
def livez(request: HttpRequest) -> JsonResponse:
    """Answer that the process is alive; touches nothing else."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when every check passes, else 503; each check is `ok` or a reason without details."""
    # Without Celery's queues there is no broker to ask: a pump does everything.
    names = [name for name in _CHECKS if name != "broker" or settings.WORK_CELERY_QUEUES]
    checks = {name: _verdict(_CHECKS[name]) for name in names}
    is_ready = all(verdict == "ok" for verdict in checks.values())
    return JsonResponse(
        {"status": "ok" if is_ready else "unavailable", "checks": checks}, status=200 if is_ready else 503
    )


def _verdict(check: Callable[[], str]) -> str:
    try:
        return check()
    except Exception:  # whatever it is, this part does not answer
        return "unavailable"


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def _cache() -> str:
    cache.set("readyz", "ok", 5)
    return "ok" if cache.get("readyz") == "ok" else "unavailable"


def _work() -> str:
    due = WorkItem.objects.filter(
        state=WorkState.READY, queue__in=settings.WORK_QUEUES, run_at__lt=clock.now() - OLDEST_DUE_LIMIT
    )
    return "oldest due work is late" if due.exists() else "ok"


def _broker() -> str:
    with current_app.connection_for_write(transport_options={"max_retries": 0}) as broker:
        broker.ensure_connection(max_retries=1, timeout=1, interval_start=0)
    return "ok"


_CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "cache": _cache,
    "broker": _broker,
    "work": _work,
}
