"""How far a job is."""

from chatboost.core.models import Job, JobState


def count(job: Job, *, done: int = 0, failed: int = 0) -> None:
    """Add a chunk's successes and failures; the runner saves them with the chunk."""
    job.done_count += done
    job.failed_count += failed


def fraction(job: Job) -> float | None:
    """Return how much is behind the job, from 0 to 1; None while nobody knows how much there is."""
    if job.state == JobState.DONE:
        return 1.0
    if job.total_count is None:
        return None
    behind = job.done_count + job.failed_count
    return round(min(behind / job.total_count, 1.0), 4) if job.total_count else 1.0
