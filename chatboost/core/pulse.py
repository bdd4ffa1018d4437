"""Signs of life and exact counters that every process of the installation shares.

Call these outside a transaction: inside one the row stays locked until it ends, and a rollback takes the
count along.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from chatboost.core import clock
from chatboost.core.models import Counter, Heartbeat

_COUNT = """
INSERT INTO core_counter (name, value) VALUES (%s, %s)
ON CONFLICT (name) DO UPDATE SET value = core_counter.value + excluded.value
"""
# A slow process never moves a heartbeat back.
_BEAT = """
INSERT INTO core_heartbeat (name, beat_at) VALUES (%s, %s)
ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at WHERE core_heartbeat.beat_at < excluded.beat_at
"""


def count(name: str, by: int = 1) -> None:
    """Add to a counter: one statement, so no count is lost. Raises: DatabaseError."""
    _execute(_COUNT, name, by)


def beat(name: str) -> None:
    """Note that a part of the installation did its round just now. Raises: DatabaseError."""
    _execute(_BEAT, name, connection.ops.adapt_datetimefield_value(clock.now()))


def values() -> dict[str, int]:
    """Return every counter by name. One query."""
    return dict(Counter.objects.values_list("name", "value"))


def ages(now: datetime | None = None) -> dict[str, timedelta]:
    """Return how long ago each part last did its round. One query."""
    moment = now or clock.now()
    return {name: moment - at for name, at in Heartbeat.objects.values_list("name", "beat_at")}


def age(name: str) -> timedelta | None:
    """Return how long ago a part last did its round; None: never."""
    return ages().get(name)


def _execute(statement: str, *parameters: Any) -> None:
    # SQLite's writers queue fairly only where a transaction begins.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
