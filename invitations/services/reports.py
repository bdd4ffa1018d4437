"""The report of a batch: a workbook of all its invitations, and of those that need somebody."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from chatboost.core import files, jobs
from chatboost.core.errors import NotFound
from chatboost.core.exchange import writing
from chatboost.core.exchange.writing import Sheet
from chatboost.core.models import File, Job
from invitations.choices import InvitationState
from invitations.models import Invitation, InvitationBatch

PURPOSE: Final = "invitation-report"
PERMISSION: Final = "invitations.view_invitationbatch"
CONTENT_TYPE: Final = writing.XLSX_TYPE
JOB_KIND: Final = "invitations.report"
HEADINGS: Final = (
    *("Contact", "Name", "E-mail", "Lucky Number", "State", "Step", "Error", "Error Detail"),
    *("Link", "Found Link", "Notes", "Finished"),
)
# Who did not get their card, or whose link is not ours.
NEEDY: Final = (InvitationState.FAILED, InvitationState.CONFLICT)
_KEPT: Final = timedelta(days=7)
# As long as a batch goes on, what was written is soon out of date.
_KEPT_MEANWHILE: Final = timedelta(hours=1)
_CHUNK: Final = 1000


def file_of(batch: InvitationBatch) -> File:
    """Return the report as a file: of a batch that is over the one that was written, else a new one.

    Takes its time: outside of a transaction.
    """
    return _written(batch) or _write(batch)


def start(batch: InvitationBatch, *, actor: Any | None) -> Job:
    """Have the report written by a job, whose result it is."""
    return jobs.start(
        organization_id=batch.organization_id, actor=actor, kind=JOB_KIND, input={"batch_id": batch.pk}
    )


def name_of(batch: InvitationBatch) -> str:
    """Return what the file is called."""
    return f"{batch.name[:150]}.xlsx"


def sheets(batch: InvitationBatch) -> list[Sheet]:
    """Return what the workbook holds; rows are read a thousand at a time while it is written."""
    every = Invitation.objects.filter(batch=batch).defer("values")
    return [
        Sheet("Invitations", HEADINGS, _chunks(every)),
        Sheet("Failed", HEADINGS, _chunks(every.filter(state__in=NEEDY))),
    ]


def _written(batch: InvitationBatch) -> File | None:
    if batch.finished_at is None or batch.report_file_uuid is None:
        return None
    try:
        file = files.get(batch.report_file_uuid, batch.organization_id)
    except NotFound:
        return None
    # The batch may have gone on since, and ended again.
    return file if file.created_at >= batch.finished_at else None


def _write(batch: InvitationBatch) -> File:
    file = files.write(
        organization_id=batch.organization_id,
        purpose=PURPOSE,
        permission=PERMISSION,
        name=name_of(batch),
        content_type=CONTENT_TYPE,
        chunks=writing.write_sheets(sheets(batch)),
        expires_in=_KEPT if batch.finished_at is not None else _KEPT_MEANWHILE,
    )
    with transaction.atomic():
        own = InvitationBatch.objects.for_organization(batch.organization_id)
        # Not over any more, or over again: then somebody writes another one.
        own.filter(pk=batch.pk, finished_at=batch.finished_at).exclude(finished_at=None).update(
            report_file_uuid=file.uuid
        )
    return file


def _chunks(rows: "QuerySet[Any]") -> Iterator[list[list[Any]]]:
    after = 0
    while found := list(rows.filter(pk__gt=after).order_by("id")[:_CHUNK]):
        yield [_row(invitation) for invitation in found]
        after = found[-1].pk


def _row(invitation: Invitation) -> list[Any]:
    return [
        invitation.external_id,
        invitation.name,
        invitation.email,
        invitation.lucky_number,
        invitation.get_state_display(),
        invitation.get_step_display(),
        invitation.error_code,
        invitation.error_detail,
        invitation.link,
        invitation.found_link,
        "; ".join(str(note.get("message", "")) for note in invitation.notes),
        invitation.finished_at,
    ]
