"""Announcements: whoever runs the installation tells everybody of one organization, or of all."""

from collections.abc import Collection
from typing import Any

from django.db import transaction

from chatboost.core import audit, jobs
from chatboost.core.errors import NotFound, ValidationFailed
from chatboost.core.models import Job
from teams.models import NotificationType, Organization, Severity
from teams.notifications import texts
from teams.notifications.writing import notify

JOB_KIND = "teams.announce"
INSTALLATION = 0
MAX_KEY = 100
# A chunk: on SQLite nobody else writes meanwhile.
ORGANIZATIONS_AT_ONCE = 5
EVERY_MEMBER = "teams.view_notification"


@transaction.atomic
def start(
    *,
    title: str,
    body: str = "",
    severity: str = Severity.INFO,
    slug: str = "",
    key: str = "",
    actor: Any,
) -> Job:
    """Begin to tell every member of the organization with this slug, or of all active ones without a slug.

    The same `key` tells nobody twice. The job is the installation's.

    Raises: ValidationFailed (`title_required, unknown_severity, key_too_long`), NotFound.
    """
    _check(title, severity, key)
    ids = _organizations(slug)
    job = jobs.start(
        organization_id=INSTALLATION,
        actor=actor,
        kind=JOB_KIND,
        input={"title": title, "body": body, "severity": str(severity), "ids": ids, "key": key},
    )
    changes = {"title": (None, title), "organizations": (None, slug or "all")}
    audit.record(
        actor=actor,
        verb="announcement.sent",
        object=job,
        changes=changes,
        organization_id=INSTALLATION,
    )
    return job


class AnnounceKind(jobs.JobKind):
    """Tells a few organizations in each transaction."""

    name = JOB_KIND
    title = "Announcement"

    def describe(self, job: Job) -> str:
        """Say what is announced."""
        return f"Announcement: {job.input.get('title', '')}"

    def plan(self, job: Job) -> int:
        """Count the organizations."""
        return len(job.input["ids"])

    def step(self, job: Job) -> bool:
        """Tell the next few organizations."""
        given, begin = job.input, int(job.cursor.get("next", 0))
        ids = given["ids"][begin : begin + ORGANIZATIONS_AT_ONCE]
        told = 0
        for organization in Organization.objects.filter(pk__in=ids, is_active=True).order_by("pk"):
            told += len(
                notify(
                    organization=organization,
                    type=NotificationType.SYSTEM,
                    severity=Severity(given["severity"]),
                    title=given["title"],
                    body=given["body"],
                    permission=EVERY_MEMBER,
                    dedupe_key=f"announcement:{given['key'] or job.pk}",
                )
            )
        jobs.count(job, done=len(ids))
        job.result = {"people told": job.result.get("people told", 0) + told}
        job.cursor = {"next": begin + len(ids)}
        return begin + len(ids) >= len(given["ids"])


def _check(title: str, severity: str, key: str) -> None:
    try:
        texts.title(title)
    except ValueError as error:
        raise _invalid("title", "Write what it is about.", "title_required") from error
    if severity not in Severity.values:
        raise _invalid("severity", f"One of {', '.join(Severity.values)}.", "unknown_severity")
    if len(key) > MAX_KEY:
        raise _invalid("key", f"At most {MAX_KEY} characters.", "key_too_long")


def _organizations(slug: str) -> Collection[int]:
    active = Organization.objects.filter(is_active=True)
    if not slug:
        return list(active.order_by("pk").values_list("pk", flat=True))
    ids = list(active.filter(slug=slug).values_list("pk", flat=True))
    if not ids:
        raise NotFound(f"There is no active organization {slug!r}.")
    return ids


def _invalid(field: str, message: str, code: str) -> ValidationFailed:
    return ValidationFailed(message, code=code, errors={field: [message]})
