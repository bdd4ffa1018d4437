"""Retention: how long each kind of row is kept, enforced in small pieces by an hourly tick."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, models

from chatboost.core import ticks

Rows = Callable[[datetime], "models.QuerySet[Any]"]
Remove = Callable[["models.QuerySet[Any]"], Any]

CHUNK = 1000
# On SQLite a piece holds the only write lock.
SQLITE_CHUNK = 200


def keep(name: str, *, days: float, rows: Rows, remove: Remove | None = None) -> None:
    """Declare that rows older than this go. `rows(cutoff)` are those that may; `remove` deletes some of them.

    It runs in a transaction: what takes its time is enqueued by it, and `rows` leaves it out from then on.
    Called from a room's `housekeeping.py`.
    """

    def run(now: datetime) -> bool:
        return _remove_some(rows(now - timedelta(days=days)), remove)

    ticks.declare(f"retention: {name}", run=run, every=timedelta(hours=1))


def _remove_some(rows: "models.QuerySet[Any]", remove: Remove | None) -> bool:
    """Remove one chunk; returns whether there is more."""
    size = SQLITE_CHUNK if connection.vendor == "sqlite" else CHUNK
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[:size])
    chunk = rows.model._default_manager.filter(pk__in=ids)
    if remove is None:
        chunk.delete()
    else:
        remove(chunk)
    return len(ids) == size
