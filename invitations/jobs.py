"""Long work of this room."""

from chatboost.core import jobs
from chatboost.core.errors import NotFound
from chatboost.core.models import Job
from invitations.models import Invitation, InvitationBatch
from invitations.services import reports


class ReportKind(jobs.JobKind):
    """The report of a batch."""

    name = reports.JOB_KIND
    title = "Report of invitations"

    def plan(self, job: Job) -> int:
        """Count the invitations."""
        return Invitation.objects.filter(batch=_batch(job)).count()

    def step(self, job: Job) -> bool:
        """Leave everything to the end: a file is in no transaction."""
        return True

    def finish(self, job: Job) -> None:
        """Write the workbook, or take the one that is there."""
        batch = _batch(job)
        file = reports.file_of(batch)
        job.result_file_uuid = file.uuid
        job.done_count = job.total_count or 0
        job.result = {"batch": batch.name}


def _batch(job: Job) -> InvitationBatch:
    """Return the batch that the report is about. Raises: NotFound."""
    own = InvitationBatch.objects.for_organization(job.organization_id)
    batch = own.filter(pk=job.input["batch_id"]).first()
    if batch is None:
        raise NotFound("The batch is not there any more.")
    return batch


jobs.register(ReportKind())
