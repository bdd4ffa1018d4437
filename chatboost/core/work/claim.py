"""Claiming items: only lane heads, each under a lease and a token."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, connection, transaction

from chatboost.core.work.kinds import Item

# A head's lane has no leased item, and no older open one. The first half also matters when an item with a
# smaller id commits late, or is promoted while a newer one runs. It comes first because PostgreSQL hashes the
# few leased lanes, which spares the lines behind them a look into the index.
_HEADS = """
SELECT w.id, w.crash_count FROM core_workitem w
WHERE w.state = 'ready' AND w.queue = %s AND w.run_at <= %s{kinds}
  AND (w.lane IS NULL OR (
    NOT EXISTS (SELECT 1 FROM core_workitem o WHERE o.lane = w.lane AND o.state = 'leased')
    AND NOT EXISTS (SELECT 1 FROM core_workitem o
                    WHERE o.lane = w.lane AND o.id < w.id AND o.state IN ('ready', 'leased'))))
ORDER BY w.priority, w.id LIMIT %s{lock}
"""

_LEASE = """
UPDATE core_workitem SET state = 'leased', token = %s, lease_until = %s
WHERE state = 'ready' AND id IN ({ids})
RETURNING id, kind, subject_id, organization_id, lane, error_count, crash_count
"""


def claim(queue: str, *, limit: int, now: datetime, kinds: Sequence[str] | None = None) -> list[Item]:
    """Lease up to `limit` items of a queue, oldest first within a priority; of some kinds only, if given.

    An item that crashed before is claimed alone, so that only the guilty one reaches the crash limit.
    Two statements and a commit. Times are the application's clock; the token makes skew harmless.
    """
    if kinds is not None and not kinds:
        return []
    try:
        return _claim(queue, limit, now, kinds)
    except IntegrityError:
        # Another claimer took a lane between our look and our lease: go one by one.
        return _claim_singly(queue, limit, now, kinds)


def _claim_singly(queue: str, limit: int, now: datetime, kinds: Sequence[str] | None) -> list[Item]:
    items: list[Item] = []
    for _ in range(limit):
        try:
            one = _claim(queue, 1, now, kinds)
        except IntegrityError:
            continue
        if not one:
            break
        items += one
    return items


@transaction.atomic(durable=False)
def _claim(queue: str, limit: int, now: datetime, kinds: Sequence[str] | None) -> list[Item]:
    ids = _heads(queue, limit, now, kinds)
    if not ids:
        return []
    token = uuid4()
    placeholders = ", ".join(["%s"] * len(ids))
    with connection.cursor() as cursor:
        cursor.execute(
            _LEASE.format(ids=placeholders),
            [_uuid(token), _time(now + settings.WORK_LEASE), *ids],
        )
        rows = cursor.fetchall()
    return sorted((_item(row, token) for row in rows), key=lambda item: item.id)


def _item(row: tuple[Any, ...], token: UUID) -> Item:
    item_id, kind, subject_id, organization_id, lane, error_count, crash_count = row
    return Item(item_id, kind, subject_id, organization_id, lane, error_count, crash_count, token)


def _heads(queue: str, limit: int, now: datetime, kinds: Sequence[str] | None) -> list[int]:
    is_postgresql = connection.vendor == "postgresql"
    only = "" if kinds is None else f" AND w.kind IN ({', '.join(['%s'] * len(kinds))})"
    sql = _HEADS.format(kinds=only, lock=" FOR UPDATE OF w SKIP LOCKED" if is_postgresql else "")
    with connection.cursor() as cursor:
        cursor.execute(sql, [queue, _time(now), *(kinds or ()), limit])
        rows = cursor.fetchall()
    if rows and rows[0][1] > 0:
        return [rows[0][0]]
    return [id_ for id_, crashes in rows if crashes == 0]


def _uuid(value: UUID) -> str:
    return str(value) if connection.features.has_native_uuid_field else value.hex


def _time(value: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(value)
