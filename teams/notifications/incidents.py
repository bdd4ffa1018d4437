"""Work that died: told once an hour for each kind, to whoever may look after it."""

from datetime import datetime, timedelta

from django.db.models import Max

from chatboost.core.models import AttemptOutcome, WorkAttempt
from teams.models import Medium, NotificationType, Organization, Severity
from teams.notifications.media import MAIL_KIND
from teams.notifications.telegrams import TELEGRAM_KIND
from teams.notifications.writing import News, tell

# How far back deaths are looked for. One that was told already costs a look.
BACK = timedelta(hours=1)

# A medium does not carry the news of its own death.
_DEAF = {TELEGRAM_KIND: {Medium.TELEGRAM}, MAIL_KIND: {Medium.EMAIL}, "core.mail": {Medium.EMAIL}}


def tell_of_dead_work(now: datetime) -> bool:
    """Tell of each kind of work that died lately in an organization. A tick: there is never more to do."""
    died = WorkAttempt.objects.filter(
        outcome=AttemptOutcome.DIED, ended_at__gt=now - BACK, organization_id__gt=0
    )
    last = died.values_list("organization_id", "kind").annotate(at=Max("ended_at"))
    found = list(last.order_by("organization_id", "kind"))
    organizations = Organization.objects.in_bulk({organization_id for organization_id, _, _ in found})
    for organization_id, kind, at in found:
        if organization_id in organizations:
            _tell(organizations[organization_id], kind, f"{at:%Y%m%d%H}")
    return False


def _tell(organization: Organization, kind: str, hour: str) -> None:
    # The cause stays in the console: it may quote what somebody has written.
    tell(
        News(
            organization=organization,
            type=NotificationType.INCIDENT,
            severity=Severity.ERROR,
            title=f"Work of the kind {kind} was given up",
            body="It was tried often enough. Look at the cause, then try it again or discard it.",
            url="/admin/core/workitem/?state__exact=dead",
            dedupe_key=f"dead:{kind}:{hour}",
        ),
        permission="core.view_workitem",
        without=_DEAF.get(kind, set()),
    )
