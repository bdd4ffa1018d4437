"""What this room hears from the others, by the names of their events: nothing above is imported."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.urls import reverse

from chatboost.core import events, jobs
from chatboost.core.models import Job, JobState
from teams import privacy
from teams.models import NotificationType, Organization, Severity, User
from teams.notifications import notify

# What happened to a job, for whoever has started it.
_ENDS = {
    JobState.DONE: ("is done", Severity.SUCCESS),
    JobState.FAILED: ("failed", Severity.ERROR),
}


def tell_of_job(payload: Mapping[str, Any], organization_id: int) -> None:
    """Tell whoever has started a job that it is over, if it took so long that they may look elsewhere."""
    job = Job.objects.filter(pk=payload["job_id"], organization_id=organization_id).first()
    organization = Organization.objects.filter(pk=organization_id).first()
    if job is None or organization is None or job.actor_id is None or job.finished_at is None:
        return
    if job.state not in _ENDS or job.finished_at - job.created_at < settings.JOB_NOTICE_AFTER:
        return
    words, severity = _ENDS[JobState(job.state)]
    failed = f"{job.failed_count:,} of them went wrong." if job.failed_count else ""
    notify(
        organization=organization,
        type=NotificationType.BATCH,
        severity=Severity.WARNING if job.failed_count and job.state == JobState.DONE else severity,
        title=f"{jobs.title_of(job)} {words}",
        body=job.error or " ".join(filter(None, [f"{job.done_count + job.failed_count:,} rows.", failed])),
        url=reverse("admin:core_job_change", args=[job.pk]),
        users=User.objects.filter(pk=job.actor_id),
        object=job,
        dedupe_key=f"job:{job.pk}:{job.state}:{job.finished_at:%Y%m%d%H%M%S%f}",
    )


def forget_contact(payload: Mapping[str, Any], organization_id: int) -> None:
    """Forget what people were told about a contact that was erased."""
    privacy.forget(organization_id, "messaging.contact", payload["contact_id"])


events.subscribe("job_ended", name="teams.job_told", handler=tell_of_job, queue="maintenance")
events.subscribe("contact_erased", name="teams.contact_forgotten", handler=forget_contact)
