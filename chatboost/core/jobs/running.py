"""Running jobs on the work table: a chunk an item, then what comes after the last chunk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction

from chatboost.core import clock
from chatboost.core.errors import DomainError
from chatboost.core.jobs import kinds as job_kinds
from chatboost.core.jobs import lifecycle
from chatboost.core.models import Job, JobState, WorkItem, WorkState
from chatboost.core.work import finish, kinds
from chatboost.core.work.kinds import LONGEST_CALL, BatchKind, Decision, Done, EffectKind, Item, Retry

logger = structlog.get_logger(__name__)


GIVEN_UP = (
    "It went wrong too often and was given up. What had been done by then is kept; the cause stands with its "
    "dead work item."
)
CRASHED = (
    "The worker died or stalled each time it ran this, so it was given up. What had been done by then is "
    "kept."
)


class UnknownKind(DomainError):
    """The room that knew how to do this is not installed any more."""

    default_code = "unknown_job_kind"


class OneByOne(Exception):
    """Several jobs came in one batch. The drain then runs each in a transaction of its own, a short one."""


@dataclass(frozen=True, slots=True)
class Left:
    """What a job leaves behind."""

    result: dict[str, Any]
    result_file_uuid: UUID | None
    error_file_uuid: UUID | None


class ChunkKind(BatchKind[dict[int, Job], Job | None]):
    """Runs one chunk of a job; chunk, counts, the next item and the end of this one commit together."""

    name = lifecycle.CHUNK_KIND

    def load(self, items: Sequence[Item]) -> dict[int, Job]:
        """Lock the item, then its job. Raises: OneByOne."""
        if len(items) > 1:
            raise OneByOne
        return _locked(items)

    def apply(self, item: Item, context: dict[int, Job]) -> Job | None:
        """Find the item's job; None when it has gone, has ended, or the lease was lost."""
        return context.get(item.subject_id)

    def save(self, results: Sequence[Job | None], context: dict[int, Job]) -> None:
        """Run the chunk."""
        for job in filter(None, results):
            _advance(job)

    def on_dead(self, subject_ids: Sequence[int]) -> None:
        """Fail the jobs whose work was given up."""
        _give_up(self.name, subject_ids)


class FinishKind(EffectKind[Job, Left]):
    """Builds what jobs leave behind. A file is an effect: its bytes are in no transaction."""

    name = lifecycle.FINISH_KIND
    is_long = True
    longest = LONGEST_CALL

    def prepare(self, items: Sequence[Item]) -> Mapping[int, Job | Decision]:
        """Leave out the jobs that have ended or are to be cancelled."""
        jobs = _locked(items)
        for job in list(jobs.values()):
            if job.is_cancel_requested:
                lifecycle.end_cancelled(jobs.pop(job.pk))
            elif job.state == JobState.FAILED:
                _resume(job)
                lifecycle.save(job)
        return {item.id: jobs.get(item.subject_id, Done()) for item in items}

    def call(self, intent: Job) -> Left:
        """Run the kind's `finish`; unlike other calls it reads rows, on a connection of its own."""
        try:
            _kind_of(intent).finish(intent)
        finally:
            connection.close()
        return Left(intent.result, intent.result_file_uuid, intent.error_file_uuid)

    def settle(self, results: Sequence[tuple[Item, Job, Left | Exception]]) -> Mapping[int, Decision]:
        """End the jobs; what failed for no reason of the job's own is tried again."""
        # Items before jobs, as everywhere: the sweep may be giving up on one of these.
        finish.still_held([item for item, _, _ in results])
        jobs = _unended([job.pk for _, job, _ in results])
        return {
            item.id: _settled(jobs[job.pk], outcome) if job.pk in jobs else Done()
            for item, job, outcome in results
        }

    def on_dead(self, subject_ids: Sequence[int]) -> None:
        """Fail the jobs whose work was given up."""
        _give_up(self.name, subject_ids)


def _locked(items: Sequence[Item]) -> dict[int, Job]:
    """Lock the items whose lease is still ours, then their jobs: the order of whoever gives items up."""
    return _unended([item.subject_id for item in finish.still_held(items)], with_failed=True)


def _unended(ids: Sequence[int], *, with_failed: bool = False) -> dict[int, Job]:
    """Lock jobs that have work left. One that failed has some when its dead item is tried again."""
    states = [*lifecycle.OPEN, *([JobState.FAILED] if with_failed else [])]
    rows = Job.objects.filter(pk__in=ids, state__in=states).select_for_update().order_by("id")
    return {job.pk: job for job in rows}


def _advance(job: Job) -> None:
    if job.is_cancel_requested:
        lifecycle.end_cancelled(job)
        return
    try:
        with transaction.atomic():
            _run_chunk(job)
    except DomainError as refusal:
        # The chunk's rows are rolled back; its counts must go too.
        job.refresh_from_db()
        lifecycle.end(job, JobState.FAILED, refusal.message)


def _run_chunk(job: Job) -> None:
    kind = _kind_of(job)
    if job.started_at is None:
        job.started_at = clock.now()
        job.total_count = kind.plan(job)
    _resume(job)
    if not kind.step(job):
        lifecycle.save(job)
        lifecycle.owe(job, lifecycle.CHUNK_KIND, kind.queue)
    elif kind.has_finish:
        lifecycle.save(job)
        lifecycle.owe(job, lifecycle.FINISH_KIND, kind.queue)
    else:
        lifecycle.end(job, JobState.DONE)


def _resume(job: Job) -> None:
    job.state, job.error, job.finished_at = JobState.RUNNING, "", None


def _settled(job: Job, outcome: Left | Exception) -> Decision:
    if isinstance(outcome, DomainError):
        lifecycle.end(job, JobState.FAILED, outcome.message)
        return Done()
    if isinstance(outcome, Exception):
        logger.warning("job_finish_failed", job=job.pk, kind=job.kind, exc_info=outcome)
        return Retry(f"{type(outcome).__name__}: {outcome}")
    job.result = outcome.result
    job.result_file_uuid = outcome.result_file_uuid
    job.error_file_uuid = outcome.error_file_uuid
    lifecycle.end(job, JobState.DONE)
    return Done()


def _give_up(work_kind: str, job_ids: Sequence[int]) -> None:
    letters = WorkItem.objects.filter(kind=work_kind, subject_id__in=job_ids, state=WorkState.DEAD)
    crashes = dict(letters.order_by("id").values_list("subject_id", "crash_count"))
    for job in _unended(job_ids).values():
        has_crashed = crashes.get(job.pk, 0) >= settings.WORK_MAX_CRASHES
        lifecycle.end(job, JobState.FAILED, CRASHED if has_crashed else GIVEN_UP)


def _kind_of(job: Job) -> job_kinds.JobKind:
    kind = job_kinds.get(job.kind)
    if kind is None:
        raise UnknownKind(f"This installation does not know how to do “{job.kind}” any more.")
    return kind


kinds.register(ChunkKind())
kinds.register(FinishKind())
