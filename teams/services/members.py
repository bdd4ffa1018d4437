"""Members: added, given another role, removed; who owns the organization.

Every change locks the organization's row first, so that what is asked of the other members still holds at the
commit: an organization always has an owner who can sign in.
"""

from typing import Any

from django.db import transaction

from chatboost.core import audit, events
from chatboost.core.errors import Conflict, Forbidden, NotFound, ValidationFailed
from teams import limits
from teams.errors import InviteRequired
from teams.events import MemberRemoved
from teams.models import Medium, Membership, NotificationType, Organization, User
from teams.notifications.writing import News, tell
from teams.roles import Role
from teams.selectors import memberships
from teams.services import organizations, reach, sessions

MANAGE = "teams.manage_members"


@transaction.atomic
def add(*, organization: Organization, user: User, role: str, actor: Any | None = None) -> Membership:
    """Give a user a role in an organization, and tell them. No actor means the installation.

    Raises: Forbidden (`beyond_your_role`), Conflict (`already_member`, `account_inactive`, `limit_reached`).
    """
    locked = organizations.lock(organization.pk)
    _check_actor(actor, locked, role)
    if Membership.objects.for_organization(locked).filter(user=user).exists():
        raise Conflict("This person is a member already.", code="already_member")
    if not user.is_active:
        raise _account_inactive()
    limits.check(locked, "members")
    membership = organizations.add_member(organization=locked, user=user, role=role)
    audit.record(
        actor=actor,
        verb="member.added",
        object=membership,
        changes={"user": (None, user), "role": (None, role)},
    )
    sessions.announce(user.pk)
    _tell(membership, actor)
    return membership


def add_colleague(
    *, organization: Organization, role: str, user_id: int | None = None, email: str = "", actor: Any
) -> Membership:
    """Add somebody with whom the actor shares an organization already, by id or by address.

    Anybody else gets the same answer, whether the address has an account here or not.

    Raises: InviteRequired, and as `add`.
    """
    colleague = memberships.colleague_of(actor, user_id=user_id, email=email)
    if colleague is None:
        raise InviteRequired("Send this person an invite: only people you work with already can be added.")
    return add(organization=organization, user=colleague, role=role, actor=actor)


@transaction.atomic
def change_role(*, membership: Membership, role: str, actor: Any | None = None) -> Membership:
    """Give a member another role, at once.

    Raises: Forbidden (`beyond_your_role`), Conflict (`last_owner`), NotFound once they are gone.
    """
    row = _locked(membership)
    if role != Role.OWNER:
        _keep_an_owner(row)
    _check_actor(actor, row.organization, row.role, role)
    if row.role == role:
        return row
    before, row.role = row.role, role
    row.full_clean()
    row.save(update_fields=["role"])
    audit.record(
        actor=actor,
        verb="member.role_changed",
        object=row,
        changes={"user": (row.user, row.user), "role": (before, role)},
    )
    sessions.announce(row.user_id)
    return row


@transaction.atomic
def remove(*, membership: Membership, actor: Any | None = None) -> None:
    """End a membership at once. Whoever belongs nowhere any more is signed out everywhere.

    Raises: Forbidden (`beyond_your_role`), Conflict (`last_owner`), NotFound once they are gone.
    """
    row = _locked(membership)
    _keep_an_owner(row)
    _check_actor(actor, row.organization, row.role)
    _end(row, verb="member.removed", actor=actor)


@transaction.atomic
def leave(*, organization: Organization, user: User) -> None:
    """End one's own membership, whatever the role. Raises: Conflict (`last_owner`), NotFound."""
    row = _locked(_membership(organization, user))
    _keep_an_owner(row)
    _end(row, verb="member.left", actor=user)


@transaction.atomic
def transfer_ownership(*, organization: Organization, user_id: int, actor: User) -> None:
    """Make a member an owner in the actor's place, who becomes an administrator.

    Raises: Forbidden unless the actor is an owner, NotFound unless the user is a member, ValidationFailed
        (`same_user`), Conflict (`account_inactive`).
    """
    locked = organizations.lock(organization.pk)
    seats = Membership.objects.for_organization(locked).select_related("user")
    own = seats.filter(user=actor, role=Role.OWNER).first()
    if own is None:
        raise Forbidden("Only an owner can hand the organization over.")
    heir = seats.filter(user_id=user_id).first()
    if heir is None:
        raise NotFound("Not found.")
    if heir.pk == own.pk:
        message = "Choose another member."
        raise ValidationFailed(message, code="same_user", errors={"user_id": [message]})
    if not heir.user.is_active:
        raise _account_inactive()
    heir.role, own.role = Role.OWNER, Role.ADMIN
    for row in (heir, own):
        row.save(update_fields=["role"])
        sessions.announce(row.user_id)
    audit.record(
        actor=actor,
        verb="organization.ownership_transferred",
        object=locked,
        changes={"owner": (own.user, heir.user)},
        organization_id=locked.pk,
    )


def _tell(membership: Membership, actor: Any | None) -> None:
    name = actor.get_full_name() if isinstance(actor, User) else ""
    news = News(
        organization=membership.organization,
        type=NotificationType.SYSTEM,
        title=f"You were added to {membership.organization.name}",
        body=f"{f'By {name}. ' if name else ''}Your role is {Role(membership.role).label.lower()}. "
        "You may leave on the page of the members.",
        object=membership,
    )
    # It is nobody else's: the chat is read by many.
    tell(news, users=[membership.user], without={Medium.TELEGRAM})


def _membership(organization: Organization, user: User) -> Membership:
    row: Membership | None = Membership.objects.for_organization(organization).filter(user=user).first()
    if row is None:
        raise NotFound("Not found.")
    return row


def _locked(membership: Membership) -> Membership:
    """Lock the organization, then return the membership as of now."""
    organization = organizations.lock(membership.organization_id)
    rows = Membership.objects.for_organization(organization).select_related("organization", "user")
    row: Membership | None = rows.filter(pk=membership.pk).first()
    if row is None:
        raise NotFound("Not found.")
    return row


def _check_actor(actor: Any | None, organization: Organization, *touched: str) -> None:
    """Refuse whoever may not, as of now, manage members, or touches a role above their own."""
    if not reach.holds(actor, organization, [MANAGE]):
        raise Forbidden("Your role does not let you manage members.")
    reach.check(actor, organization, *touched)


def _keep_an_owner(row: Membership) -> None:
    """Refuse to take the role from the last owner who can sign in."""
    if row.role == Role.OWNER and not memberships.has_other_owner(row):
        raise Conflict(
            "This is the last owner of the organization: make somebody else an owner first.",
            code="last_owner",
        )


def _end(row: Membership, *, verb: str, actor: Any | None) -> None:
    audit.record(
        actor=actor, verb=verb, object=row, changes={"user": (row.user, None), "role": (row.role, None)}
    )
    organization_id, user = row.organization_id, row.user
    row.delete()
    events.publish(MemberRemoved(organization_id=organization_id, user_id=user.pk))
    if not user.is_staff and not memberships.belongs_anywhere(user):
        sessions.end_all(user, actor=actor)
    sessions.announce(user.pk)


def _account_inactive() -> Conflict:
    return Conflict("This person's account is deactivated.", code="account_inactive")
