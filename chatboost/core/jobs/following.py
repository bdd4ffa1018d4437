"""Following a job, and whose it is."""

from typing import Any

from django.db.models import QuerySet

from chatboost.core import live
from chatboost.core.jobs import lifecycle
from chatboost.core.models import Job


def is_of(organization: Any, number: int) -> bool:
    """Tell whether the job is the organization's."""
    return Job.objects.filter(pk=number, organization_id=organization.pk).exists()


def started_by(jobs: QuerySet[Job], actor: Any) -> QuerySet[Job]:
    """Keep what a user, or an API key, has started. A key has no number of its own: its label names it."""
    if isinstance(actor.pk, int):
        return jobs.filter(actor_id=actor.pk)
    return jobs.filter(actor_id=None, actor_label=lifecycle.label_of(actor))


live.register_topic("job", is_of, permission="core.view_job")
