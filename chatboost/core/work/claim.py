"""Claiming items: only lane heads, organizations in turn, each claim under a lease and a token."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, connection, transaction

from chatboost.core.work import claim_sql, failpoints
from chatboost.core.work.kinds import Item

# A claim looks at this many organizations; the next one goes on behind them.
MAX_ORGANIZATIONS = 50

# Where the next claim of a queue begins its round of organizations: (queue, suspects or not) → id.
_last_served: dict[tuple[str, bool], int] = {}


def claim(
    queue: str,
    *,
    limit: int,
    now: datetime,
    kinds: Sequence[str] | None = None,
    suspect: bool = False,
) -> list[Item]:
    """Lease up to about `limit` items of a queue; of some kinds only, if given.

    Each organization that has work gets the same share, oldest first within a priority. Items that crashed
    a worker before are left out; with `suspect` one of them, and nothing else, is leased. One statement on
    PostgreSQL. Times are the application's clock; the token makes skew harmless.
    """
    if kinds is not None and not kinds:
        return []
    look = claim_sql.Look(queue=queue, now=_time(now), kinds=kinds, suspect=suspect)
    if connection.vendor != "postgresql":
        return _claim_in_steps(look, limit, now)
    try:
        return _claim_at_once(look, limit, now, is_single=suspect)
    except IntegrityError:
        # Another claimer took a lane between our look and our lease: go one by one.
        return _claim_singly(look, limit, now)


def has_suspect(queue: str, *, now: datetime, kinds: Sequence[str] | None = None) -> bool:
    """Tell whether an item that crashed a worker waits to be tried again. One indexed query."""
    if kinds is not None and not kinds:
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            *claim_sql.any_suspect(claim_sql.Look(queue=queue, now=_time(now), kinds=kinds, suspect=True))
        )
        return cursor.fetchone() is not None


def _claim_at_once(look: claim_sql.Look, limit: int, now: datetime, *, is_single: bool) -> list[Item]:
    """Look and lease in one statement, which is its own transaction."""
    token, until = uuid4(), _time(now + settings.WORK_LEASE)
    limits = claim_sql.Limits(items=limit, organizations=MAX_ORGANIZATIONS, is_single=is_single)
    with connection.cursor() as cursor:
        cursor.execute(*claim_sql.take(look, _behind(look), limits, _uuid(token), until))
        rows = cursor.fetchall()
    failpoints.reach("work.leasing")
    if not rows:
        # Nothing says who was asked in vain, and the next claim must ask others.
        _round(look)
        return []
    _go_on(look, rows[0][-1])
    return sorted((_item(row[:-1], token) for row in rows), key=lambda item: item.id)


def _claim_singly(look: claim_sql.Look, limit: int, now: datetime) -> list[Item]:
    items: list[Item] = []
    for _ in range(limit):
        try:
            one = _claim_at_once(look, 1, now, is_single=True)
        except IntegrityError:
            continue
        if not one:
            break
        items += one
    return items


def _claim_in_steps(look: claim_sql.Look, limit: int, now: datetime) -> list[Item]:
    """Look, then lease under SQLite's one write lock."""
    organizations = _round(look)
    if not organizations:
        return []
    share = 1 if look.suspect else -(-limit // len(organizations))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(*claim_sql.heads(look, organizations, share))
        ids = [id_ for (id_,) in cursor.fetchall()]
        if not ids:
            return []
        token = uuid4()
        until = _time(now + settings.WORK_LEASE)
        cursor.execute(*claim_sql.lease(ids[:1] if look.suspect else ids, _uuid(token), until))
        rows = cursor.fetchall()
        failpoints.reach("work.leasing")
    return sorted((_item(row, token) for row in rows), key=lambda item: item.id)


def _round(look: claim_sql.Look) -> list[int]:
    """Return the organizations with work in the queue, beginning behind those served last."""
    with connection.cursor() as cursor:
        cursor.execute(*claim_sql.organizations(look, _behind(look), MAX_ORGANIZATIONS))
        found = [organization for (organization,) in cursor.fetchall() if organization is not None]
    _go_on(look, found)
    return found


def _behind(look: claim_sql.Look) -> int:
    return _last_served.get((look.queue, look.suspect), -1)


def _go_on(look: claim_sql.Look, asked: Sequence[int]) -> None:
    """Note where the next claim begins."""
    if asked:
        has_more = len(asked) == MAX_ORGANIZATIONS and not look.suspect
        _last_served[look.queue, look.suspect] = asked[-1] if has_more else asked[0]


def _item(row: tuple[Any, ...], token: UUID) -> Item:
    item_id, kind, subject_id, organization_id, lane, error_count, crash_count = row
    return Item(item_id, kind, subject_id, organization_id, lane, error_count, crash_count, token)


def _uuid(value: UUID) -> str:
    return str(value) if connection.features.has_native_uuid_field else value.hex


def _time(value: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(value)
