"""Users kept out by the installation's staff, and let in again."""

from typing import Any

from django.db import transaction

from chatboost.core import audit
from chatboost.core.errors import Conflict
from teams.models import Membership, Organization, User
from teams.roles import Role
from teams.selectors import memberships
from teams.services import sessions

INSTALLATION = 0


@transaction.atomic
def deactivate(*, user: User, actor: Any | None = None) -> bool:
    """Keep a user out, at once and everywhere. False when they were out before.

    Raises: Conflict (`last_owner`, `own_account`).
    """
    if actor is not None and actor.pk == user.pk:
        raise Conflict("You can't deactivate your own account.", code="own_account")
    row, seats = _lock(user)
    if not row.is_active:
        return False
    owned = [seat for seat in seats if seat.role == Role.OWNER]
    alone = [seat.organization.name for seat in owned if not memberships.has_other_owner(seat)]
    if alone:
        raise Conflict(
            f"{row.email} is the last owner of {', '.join(alone)}: make somebody else an owner there first.",
            code="last_owner",
        )
    _switch(row, is_active=False, verb="user.deactivated", actor=actor)
    sessions.end_all(row, actor=actor)
    user.is_active = False
    return True


@transaction.atomic
def reactivate(*, user: User, actor: Any | None = None) -> bool:
    """Let a user in again, to sign in anew. False when they were in before."""
    row = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if row.is_active:
        return False
    _switch(row, is_active=True, verb="user.reactivated", actor=actor)
    user.is_active = True
    return True


def _lock(user: User) -> tuple[User, list[Membership]]:
    """Lock a user, and before them their organizations in id order; return the seats as of then."""
    # Theirs, whichever organizations they are of. A deleted one needs its owner, should it be restored.
    seats = Membership.objects.across_organizations().filter(user=user)
    ids = sorted(seats.values_list("organization_id", flat=True))
    list(Organization.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk"))
    # Nobody makes them a member meanwhile: that would need a hold on this row.
    row = User.objects.select_for_update().get(pk=user.pk)
    found = list(seats.select_related("organization").order_by("organization_id"))
    if any(seat.organization_id not in ids for seat in found):
        raise Conflict("This person has just joined an organization. Try again.")
    return row, found


def _switch(row: User, *, is_active: bool, verb: str, actor: Any | None) -> None:
    row.is_active = is_active
    row.save(update_fields=["is_active"])
    audit.record(actor=actor, verb=verb, object=row, organization_id=INSTALLATION)
    sessions.announce(row.pk)
