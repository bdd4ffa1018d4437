"""Reading an import's file: an effect, since its parts are files. It stands in the job's own lane."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from django.db import connection

from chatboost.core import files, jobs
from chatboost.core.errors import DomainError
from chatboost.core.exchange import staging
from chatboost.core.models import Job
from chatboost.core.work import finish, kinds
from chatboost.core.work.kinds import LONGEST_CALL, Decision, Done, EffectKind, Item, Retry

logger = structlog.get_logger(__name__)

READ_KIND: Final = "core.exchange_read"
_GIVEN_UP: Final = {
    "code": "unreadable",
    "message": "The file could not be read: the worker died or failed each time.",
}

Outcome = dict[str, Any]


class ReadKind(EffectKind[Job, Outcome]):
    """Reads and cleans a job's file; the outcome is in the job's cursor, for its next chunk."""

    name = READ_KIND
    is_long = True
    longest = LONGEST_CALL

    def prepare(self, items: Sequence[Item]) -> Mapping[int, Job | Decision]:
        """Leave out the jobs whose file was read already, or that have ended."""
        waiting = _waiting([item.subject_id for item in items])
        return {item.id: waiting.get(item.subject_id, Done()) for item in items}

    def call(self, intent: Job) -> Outcome:
        """Read the file; what it is refused for is an outcome, too."""
        kind: Any = jobs.get(intent.kind)
        try:
            source = files.get(intent.input["file"], intent.organization_id)
            staged = staging.stage(
                source,
                kind.resource_of(intent),
                permission=kind.permission,
                options=kind.options_of(intent),
            )
        except DomainError as refusal:
            return {"refused": {"code": refusal.code, "message": refusal.message}}
        finally:
            connection.close()
        return {"staged": staged.as_json()}

    def settle(self, results: Sequence[tuple[Item, Job, Outcome | Exception]]) -> Mapping[int, Decision]:
        """Keep the outcomes; what failed for no reason of the file's own is tried again."""
        finish.still_held([item for item, _, _ in results])
        waiting = _waiting([job.pk for _, job, _ in results])
        return {item.id: _settled(waiting.get(job.pk), outcome) for item, job, outcome in results}

    def on_dead(self, subject_ids: Sequence[int]) -> None:
        """Have the next chunk say that it was given up."""
        for job in _waiting(subject_ids).values():
            _keep(job, {"refused": _GIVEN_UP})


def _settled(job: Job | None, outcome: Outcome | Exception) -> Decision:
    if job is None:
        return Done()
    if isinstance(outcome, Exception):
        logger.warning("import_reading_failed", job=job.pk, kind=job.kind, exc_info=outcome)
        return Retry(f"{type(outcome).__name__}: {outcome}")
    _keep(job, outcome)
    return Done()


def _waiting(ids: Sequence[int]) -> dict[int, Job]:
    """Lock the jobs whose file is still to be read."""
    rows = Job.objects.filter(pk__in=ids, is_cancel_requested=False, finished_at=None)
    return {job.pk: job for job in rows.select_for_update().order_by("id") if job.cursor == {"reading": True}}


def _keep(job: Job, outcome: Outcome) -> None:
    job.cursor = outcome
    job.save(update_fields=["cursor"])


kinds.register(ReadKind())
