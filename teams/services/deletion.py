"""Organizations deleted by their owners: marked, restored by the installation's staff, or purged in the end.

    active ── delete ──▶ deleted ── ORGANIZATION_PURGE_AFTER ──▶ purged, in batches (see `teams.purging`)
       ▲                    │
       └───── restore ──────┘

From the mark on nobody gets in and nothing goes out. Its work waits, and goes on after a restore: what has
meanwhile become too late is refused by the rules that always hold, such as WhatsApp's 24 hours.
"""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from chatboost.core import audit, clock
from chatboost.core.errors import Conflict, Forbidden, ValidationFailed
from chatboost.core.models import WorkItem, WorkState
from chatboost.core.work import dead_letters, holds, queue
from teams import purging
from teams.models import Membership, Organization
from teams.roles import Role
from teams.services import organizations, sessions


@transaction.atomic
def delete(*, organization: Organization, slug: str, actor: Any | None = None) -> None:
    """Mark an organization as deleted, which stops everything at once. No actor means the installation.

    Raises: ValidationFailed (`slug_mismatch`), Forbidden unless the actor is an owner as of now.
    """
    row = organizations.lock(organization.pk)
    owners = Membership.objects.for_organization(row).filter(role=Role.OWNER)
    if actor is not None and not owners.filter(user_id=getattr(actor, "pk", None)).exists():
        raise Forbidden("Only an owner can delete the organization.")
    if slug != row.slug:
        message = "This is not the organization's slug."
        raise ValidationFailed(message, code="slug_mismatch", errors={"slug": [message]})
    _switch(row, deleted_at=clock.now(), verb="organization.deleted", actor=actor)
    organization.is_active, organization.deleted_at = row.is_active, row.deleted_at


@transaction.atomic
def restore(*, organization: Organization, actor: Any | None = None) -> bool:
    """Bring a deleted organization back, with all that waits for it. False when it is not deleted.

    Raises: Conflict (`purge_begun`, `no_owner`).
    """
    row = Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    if row.deleted_at is None:
        return False
    if _purges().exclude(state=WorkState.DEAD).filter(subject_id=row.pk).exists():
        raise Conflict("Its rows are being removed already.", code="purge_begun")
    owners = Membership.objects.for_organization(row).filter(role=Role.OWNER)
    # Without members it has been purged in part. A deactivated owner could do nothing about it.
    if not owners.filter(user__is_active=True).exists():
        raise Conflict("It has no owner who can sign in.", code="no_owner")
    _switch(row, deleted_at=None, verb="organization.restored", actor=actor)
    holds.release(row.pk)
    organization.is_active, organization.deleted_at = row.is_active, row.deleted_at
    return True


def purge_due(now: datetime) -> bool:
    """Begin to remove what was deleted long enough ago, as a tick; a purge that was given up goes on."""
    due = Organization.objects.filter(deleted_at__lte=now - settings.ORGANIZATION_PURGE_AFTER)
    begun = _purges().values("subject_id")
    ids = due.exclude(pk__in=begun).order_by("pk").values_list("pk", flat=True)
    # The lock: a restore at the same time either comes first, or finds that the purge has begun.
    rows = Organization.objects.select_for_update(no_key=True).filter(pk__in=list(ids))
    for row in rows.exclude(deleted_at=None).order_by("pk"):
        queue.enqueue(purging.order(row.pk))
    dead_letters.retry(_purges().filter(state=WorkState.DEAD, subject_id__in=due.values("pk")), actor=None)
    return False


def _purges() -> Any:
    return WorkItem.objects.filter(kind=purging.KIND)


def _switch(row: Organization, *, deleted_at: datetime | None, verb: str, actor: Any | None) -> None:
    changes = {"deleted_at": (row.deleted_at, deleted_at)}
    row.deleted_at, row.is_active = deleted_at, deleted_at is None
    row.save(update_fields=["deleted_at", "is_active"])
    audit.record(actor=actor, verb=verb, object=row, changes=changes, organization_id=row.pk)
    for user_id in Membership.objects.for_organization(row).values_list("user_id", flat=True):
        sessions.announce(user_id)
