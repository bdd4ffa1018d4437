"""Ending a lease: finished, back in line, or dead; only for whoever still holds the token."""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet, Subquery

from chatboost.core import pulse
from chatboost.core.db import reads
from chatboost.core.models import AttemptOutcome, WorkAttempt, WorkItem, WorkState
from chatboost.core.work import kinds
from chatboost.core.work.kinds import Dead, Decision, Defer, Done, Item, Retry, is_last_try

logger = structlog.get_logger(__name__)

MAX_ERROR_TEXT = 2000


class Fenced(Exception):
    """The lease was lost: somebody else owns the item now. The caller's transaction must roll back."""


def finish(items: Sequence[Item], decisions: Mapping[int, Decision], *, now: datetime) -> None:
    """Apply each item's decision in id order. An item without a decision is done.

    Raises: Fenced when any item is no longer ours.
    """
    if not items:
        return
    open_ids = {id_ for id_, decision in decisions.items() if not isinstance(decision, Done)}
    if any(item.id in open_ids for item in items):
        require_held(items)
        finish_held(items, decisions, now=now)
    else:
        _require(_remove_held(items), of=len(items))


def finish_if_held(items: Sequence[Item], decisions: Mapping[int, Decision], *, now: datetime) -> int:
    """Apply the decisions of those items that are still ours, as `finish` does; returns how many."""
    if all(isinstance(decisions.get(item.id, Done()), Done) for item in items):
        return _remove_held(items)
    held = still_held(items)
    finish_held(held, decisions, now=now)
    return len(held)


def put_back(items: Sequence[Item]) -> int:
    """Put items back in line of which nothing was done, as if they had not been claimed; returns how many
    were still ours.
    """
    held = still_held(items)
    for item in held:
        drop_twin(item.id, item.kind)
    WorkItem.objects.filter(id__in=[item.id for item in held]).update(
        state=WorkState.READY, token=None, lease_until=None
    )
    return len(held)


def renew(items: Sequence[Item], *, now: datetime) -> None:
    """Let the leases of those items that are still ours begin anew."""
    _leased(items).update(lease_until=now + settings.WORK_LEASE)


def require_held(items: Sequence[Item]) -> None:
    """Lock the items until the end of the transaction. Raises Fenced when any is no longer ours."""
    _require(len(still_held(items)), of=len(items))


def _require(held_count: int, *, of: int) -> None:
    if held_count != of:
        raise Fenced(f"{of - held_count} of {of} leases were lost")


def finish_held(items: Sequence[Item], decisions: Mapping[int, Decision], *, now: datetime) -> None:
    """Apply each item's decision in id order, as `finish` does, to items that are known to be held."""
    ordered = sorted(items, key=lambda item: item.id)
    done = [item.id for item in ordered if isinstance(decisions.get(item.id, Done()), Done)]
    if done:
        WorkItem.objects.filter(id__in=done).delete()
    for item in ordered:
        _release(item, decisions.get(item.id, Done()), now)


def still_held(items: Sequence[Item]) -> list[Item]:
    """Return those items whose lease is still ours, locked until the end of the transaction."""
    # The id order is the lock order everywhere, so two workers can't deadlock.
    id_, ids = reads.among("id", [item.id for item in items])
    token, tokens = reads.among("token", {item.token for item in items})
    where = f"{id_} AND {token} AND state = 'leased'"
    [found] = reads.fetch(
        reads.Read(model=WorkItem, where=where, values=[ids, tokens], columns=("id",), is_locked=True)
    )
    held = {row_id for (row_id,) in found}
    return [item for item in items if item.id in held]


def count_fenced(count: int) -> None:
    """Note that this many items were somebody else's when we came to finish them. After the rollback."""
    if count:
        logger.warning("work_fenced", items=count)
        pulse.count("work_fenced", count)


def backoff(error_count: int, floor: timedelta | None = None) -> timedelta:
    """Return a wait with full jitter, doubling up to the cap; `floor` is the vendor's Retry-After."""
    ceiling = min(settings.WORK_BACKOFF_CAP, settings.WORK_BACKOFF_BASE * 2 ** min(error_count, 20))
    jittered: timedelta = random.random() * ceiling  # noqa: S311 spreads load, guards nothing
    return (floor or timedelta()) + jittered


def note_attempts(items: Sequence[tuple[int, int, str]], outcome: AttemptOutcome, error: str) -> None:
    """Write a row for each (item id, organization id, kind) whose try did not succeed."""
    WorkAttempt.objects.bulk_create(
        WorkAttempt(
            item_id=item_id,
            organization_id=organization_id,
            kind=kind,
            outcome=outcome,
            error=error[:MAX_ERROR_TEXT],
        )
        for item_id, organization_id, kind in items
    )


def drop_twin(item_id: int, kind: str) -> None:
    """Drop what came to wait under the dedupe key of an item that comes back, whose next run does it too."""
    key = WorkItem.objects.filter(id=item_id).values("dedupe_key")
    waiting = WorkItem.objects.filter(kind=kind, state__in=[WorkState.SCHEDULED, WorkState.READY])
    waiting.filter(dedupe_key=Subquery(key)).exclude(id=item_id).delete()


def announce_dead(dead: Sequence[tuple[str, int]]) -> None:
    """Tell the kinds of these (kind, subject id) that their items died, so that they say so in their rows."""
    by_kind: dict[str, list[int]] = defaultdict(list)
    for name, subject_id in dead:
        by_kind[name].append(subject_id)
    for name, subject_ids in by_kind.items():
        kind = kinds.get(name)
        if kind is not None:
            _tell(kind, subject_ids)


def _tell(kind: kinds.Kind, subject_ids: Sequence[int]) -> None:
    try:
        with transaction.atomic():
            kind.on_dead(subject_ids)
    except OperationalError:
        raise  # the database's own trouble: the whole transaction is tried again
    except Exception:
        # A kind that breaks even here must not keep its items alive, nor the sweep from everybody else's.
        logger.exception("work_on_dead_failed", kind=kind.name, subjects=list(subject_ids))


def _leased(items: Sequence[Item]) -> QuerySet[WorkItem]:
    return WorkItem.objects.filter(
        id__in=[item.id for item in items],
        token__in={item.token for item in items},
        state=WorkState.LEASED,
    )


# Locked in id order, as in `still_held`.
_REMOVE_HELD = """
WITH held AS MATERIALIZED (
  SELECT id FROM core_workitem WHERE id = ANY(%s) AND token = ANY(%s) AND state = 'leased'
  ORDER BY id FOR UPDATE
)
DELETE FROM core_workitem w USING held WHERE w.id = held.id
"""


def _remove_held(items: Sequence[Item]) -> int:
    """Remove those items whose lease is still ours, in one statement; returns how many."""
    if connection.vendor != "postgresql":
        return _leased(items).delete()[0]
    with connection.cursor() as cursor:
        cursor.execute(_REMOVE_HELD, [[item.id for item in items], list({item.token for item in items})])
        return cursor.rowcount


def _release(item: Item, decision: Decision, now: datetime) -> None:
    match decision:
        case Done():
            return
        case Defer(until):
            _update(item, WorkState.READY, run_at=until)
        case Retry(error, after, is_passing) if not is_last_try(item, is_passing=is_passing):
            _note(item, AttemptOutcome.FAILED, error)
            _update(
                item,
                WorkState.READY,
                run_at=now + backoff(item.error_count + 1, after),
                error_count=item.error_count + 1,
                last_error=error[:MAX_ERROR_TEXT],
            )
        case Retry(error) | Dead(error):
            _note(item, AttemptOutcome.DIED, error)
            _update(
                item,
                WorkState.DEAD,
                error_count=item.error_count + 1,
                last_error=error[:MAX_ERROR_TEXT],
            )
            logger.error("work_dead", kind=item.kind, item=item.id, subject=item.subject_id)
            announce_dead([(item.kind, item.subject_id)])


def _update(item: Item, state: WorkState, **values: object) -> None:
    if state == WorkState.READY:
        drop_twin(item.id, item.kind)
    # Whoever came back alive crashed nobody: crashes count in a row.
    WorkItem.objects.filter(id=item.id).update(
        state=state, token=None, lease_until=None, crash_count=0, **values
    )


def _note(item: Item, outcome: AttemptOutcome, error: str) -> None:
    note_attempts([(item.id, item.organization_id, item.kind)], outcome, error)
