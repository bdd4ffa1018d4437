"""Batches that are worked on, with a clock that moves to whatever is due next."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Min

from chatboost.core import clock
from chatboost.core.models import WorkItem, WorkState
from chatboost.core.work.drain import drain
from chatboost.core.work.sweep import sweep
from invitations import pauses
from invitations.choices import SourceKind, Step
from invitations.models import Invitation, InvitationBatch, InvitationSource, InvitationStep
from invitations.services import batches, sources
from teams.models import Organization

QUEUES = ("interactive", "media", "maintenance")


def sandbox(organization: Organization, **fields: Any) -> InvitationSource:
    """A sandbox with its fifty people."""
    fields.setdefault("name", "Sandbox")
    return sources.create(organization=organization, kind=SourceKind.SANDBOX, **fields)


def started(source: InvitationSource, **fields: Any) -> InvitationBatch:
    """A batch that was begun."""
    return batches.start(batches.create(source=source, **fields))


def work(
    now: datetime | None = None, *, within: timedelta = timedelta(hours=2), queues: Sequence[str] = QUEUES
) -> datetime:
    """Do all work that comes due within this time; returns when it was done."""
    now = now or clock.now()
    ends = now + within
    while True:
        with clock.frozen(now):
            sweep(now=now)
            done = sum(drain(name, now=lambda: now) for name in queues)  # noqa: B023
        if done:
            continue
        waiting = WorkItem.objects.filter(state__in=[WorkState.SCHEDULED, WorkState.READY], queue__in=queues)
        due = waiting.filter(run_at__gt=now).aggregate(at=Min("run_at"))["at"]
        if due is None or due > ends:
            return now
        now = due
        # Threads that call have a clock which nobody moves: only the rows say who is to be left alone.
        pauses.forget()
        cache.clear()


def again(batch: InvitationBatch) -> InvitationBatch:
    """Return the row as it is now."""
    return InvitationBatch.objects.get(pk=batch.pk)


def rows(batch: InvitationBatch) -> list[Invitation]:
    """Return the batch's invitations, in order."""
    return list(Invitation.objects.filter(batch=batch).order_by("id"))


def only(batch: InvitationBatch) -> Invitation:
    """Return the batch's one invitation."""
    return Invitation.objects.get(batch=batch)


def step_of(invitation: Invitation, step: Step) -> InvitationStep:
    """Return a step's row."""
    return InvitationStep.objects.get(invitation=invitation, step=step)


def ledger(invitation: Invitation) -> dict[str, str]:
    """Return the state of each step that was begun."""
    return dict(InvitationStep.objects.filter(invitation=invitation).values_list("step", "state"))
