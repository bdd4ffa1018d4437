"""A job's life: started, cancelled, and the moves in between. Each move is said on `job:ID`."""

from typing import Any

from django.db import transaction

from chatboost.core import audit, clock, events, live
from chatboost.core.errors import Conflict
from chatboost.core.jobs import kinds
from chatboost.core.jobs.events import JobEnded
from chatboost.core.models import Job, JobState, WorkItem, WorkState
from chatboost.core.work import nudge, queue

CHUNK_KIND = "core.job"
FINISH_KIND = "core.job_finish"
OPEN = (JobState.QUEUED, JobState.RUNNING)
MAX_ERROR_TEXT = 2000

# What a chunk or an end may change; the request to cancel belongs to whoever asks.
_MOVING = [
    *("state", "total_count", "done_count", "failed_count", "cursor", "result", "result_file_uuid"),
    *("error_file_uuid", "error", "started_at", "finished_at"),
]


@transaction.atomic
def start(*, organization_id: int, actor: Any, kind: str, input: dict[str, Any]) -> Job:
    """Write a job and its first chunk's work, in the caller's transaction if there is one.

    `actor` is a user, an API key's principal, or None for the system; `input` is JSON.

    Raises: LookupError for a kind that no room has registered.
    """
    found = kinds.get(kind)
    if found is None:
        raise LookupError(f"no such job kind: {kind}")
    pk = getattr(actor, "pk", None)
    job = Job.objects.create(
        organization_id=organization_id,
        actor_id=pk if isinstance(pk, int) else None,
        actor_label=label_of(actor),
        kind=kind,
        input=input,
        created_at=clock.now(),
    )
    owe(job, CHUNK_KIND, found.queue)
    return job


@transaction.atomic
def cancel(job: Job, actor: Any) -> Job:
    """Cancel a job: one that waits at once, one that runs before its next chunk. Asking twice is no error.

    Raises: Conflict (`job_finished`).
    """
    row = Job.objects.select_for_update().get(pk=job.pk)
    if row.state not in OPEN:
        raise Conflict(f"The job is {row.get_state_display().lower()} already.", code="job_finished")
    if row.is_cancel_requested:
        return row
    row.is_cancel_requested = True
    row.save(update_fields=["is_cancel_requested"])
    audit.record(actor=actor, verb="job.cancelled", object=row, organization_id=row.organization_id)
    if row.state == JobState.QUEUED:
        end_cancelled(row)
    else:
        _hurry(row)
        live.changed(f"job:{row.pk}")
    return row


def label_of(actor: Any) -> str:
    """Return how a job names whoever started it."""
    return str(actor)[:150] if actor is not None else ""


def owe(job: Job, work_kind: str, work_queue: str) -> None:
    """Enqueue the job's next piece. One lane a job: its pieces never run beside each other."""
    queue.enqueue(
        queue.Order(
            kind=work_kind,
            subject_id=job.pk,
            organization_id=job.organization_id,
            queue=work_queue,
            lane=f"job:{job.pk}",
        )
    )


def save(job: Job) -> None:
    """Save what a chunk or an end has changed, and say so."""
    job.save(update_fields=_MOVING)
    live.changed(f"job:{job.pk}")


def end(job: Job, state: JobState, error: str = "") -> None:
    """End the job in this state."""
    job.state = state
    job.error = error[:MAX_ERROR_TEXT]
    job.finished_at = clock.now()
    save(job)
    if job.actor_id is not None:
        events.publish(JobEnded(organization_id=job.organization_id, job_id=job.pk, state=state.value))


def end_cancelled(job: Job) -> None:
    """End the job as cancelled and let its kind settle what it leaves."""
    kind = kinds.get(job.kind)
    if kind is not None:
        kind.on_cancel(job)
    end(job, JobState.CANCELLED)


def _hurry(job: Job) -> None:
    """Wake a piece that waits after an error, so that cancelling takes no hour."""
    waiting = WorkItem.objects.filter(
        kind__in=(CHUNK_KIND, FINISH_KIND), subject_id=job.pk, state=WorkState.READY
    )
    if waiting.filter(run_at__gt=clock.now()).update(run_at=clock.now()):
        for name in waiting.values_list("queue", flat=True):
            transaction.on_commit(lambda name=name: nudge.ring(name))  # type: ignore[misc]
