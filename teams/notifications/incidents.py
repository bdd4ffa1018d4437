"""Work that died: told once an hour for each kind, to whoever may look after it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

from django.db.models import Max

from chatboost.core.models import AttemptOutcome, WorkAttempt
from teams.models import Medium, Membership, NotificationType, Organization, Severity, User
from teams.notifications.media import MAIL_KIND
from teams.notifications.telegrams import TELEGRAM_KIND
from teams.notifications.writing import News, tell

# In the place of an organization's number.
INSTALLATION = 0

# How far back deaths are looked for. One that was told already costs a look.
BACK = timedelta(hours=1)

# A medium does not carry the news of its own death.
_DEAF = {TELEGRAM_KIND: {Medium.TELEGRAM}, MAIL_KIND: {Medium.EMAIL}, "core.mail": {Medium.EMAIL}}


def tell_of_dead_work(now: datetime) -> bool:
    """Tell of each kind of work that died lately. A tick: there is never more to do.

    Whoever is of the installation's staff is told of its own work, in one organization of theirs.
    """
    died = WorkAttempt.objects.filter(outcome=AttemptOutcome.DIED, ended_at__gt=now - BACK)
    last = died.values_list("organization_id", "kind").annotate(at=Max("ended_at"))
    found = list(last.order_by("organization_id", "kind"))
    organizations = Organization.objects.in_bulk({organization_id for organization_id, _, _ in found})
    for organization_id, kind, at in found:
        hour = f"{at:%Y%m%d%H}"
        if organization_id == INSTALLATION:
            for organization, staff in _staff():
                news = _news(organization, kind, f"dead:installation:{kind}:{hour}")
                tell(news, users=staff, without=_DEAF.get(kind, set()))
        elif organization_id in organizations:
            news = _news(organizations[organization_id], kind, f"dead:{kind}:{hour}")
            tell(news, permission="core.view_workitem", without=_DEAF.get(kind, set()))
    return False


def _staff() -> Iterable[tuple[Organization, list[User]]]:
    """Return the installation's staff by the organization that each has belonged to for longest."""
    rows = Membership.objects.filter(
        user__is_staff=True, user__is_active=True, organization__is_active=True
    ).select_related("user", "organization")
    first = {row.user_id: row for row in rows.order_by("-pk")}
    by_organization = groupby(
        sorted(first.values(), key=attrgetter("organization_id")), attrgetter("organization")
    )
    return [(organization, [row.user for row in members]) for organization, members in by_organization]


def _news(organization: Organization, kind: str, dedupe_key: str) -> News:
    # The cause stays in the console: it may quote what somebody has written.
    return News(
        organization=organization,
        type=NotificationType.INCIDENT,
        severity=Severity.ERROR,
        title=f"Work of the kind {kind} was given up",
        body="It was tried often enough. Look at the cause, then try it again or discard it.",
        url="/admin/core/workitem/?state__exact=dead",
        dedupe_key=dedupe_key,
    )
