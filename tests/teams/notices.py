"""Helpers of the notifications' tests."""

from datetime import datetime, timedelta
from typing import Any

from chatboost.core import clock
from chatboost.core.models import WorkItem
from chatboost.core.work import claim
from chatboost.core.work.drain import run
from chatboost.core.work.sweep import sweep
from teams.models import Notification, NotificationType, Organization
from teams.notifications import notify


def told(organization: Organization, **fields: Any) -> list[Notification]:
    """Tell everybody of the organization, unless told whom."""
    if "users" not in fields:
        fields.setdefault("permission", "teams.view_notification")
    fields.setdefault("type", NotificationType.SYSTEM)
    return notify(**{"organization": organization, "title": "The sun shines"} | fields)


def work(now: datetime | None = None, *, kinds: list[str] | None = None) -> int:
    """Run what is due now, once; returns how many items."""
    now = now or clock.now()
    with clock.frozen(now):
        sweep(now=now)
        items = claim.claim("maintenance", limit=20, now=now, kinds=kinds)
        run(items, now=lambda: now)
    return len(items)


def work_until_quiet(
    kinds: list[str] | None = None, *, now: datetime | None = None, rounds: int = 60
) -> datetime:
    """Run everything, moving the clock to whatever is due next; returns when all was quiet."""
    now = now or clock.now()
    for _ in range(rounds):
        if work(now, kinds=kinds):
            continue
        waiting = WorkItem.objects.exclude(state="dead")
        if kinds:
            waiting = waiting.filter(kind__in=kinds)
        if not waiting.exists():
            return now
        later = waiting.filter(run_at__gt=now).order_by("run_at").values_list("run_at", flat=True)
        now = later.first() or now + timedelta(milliseconds=1)
    raise AssertionError("it never ends")
