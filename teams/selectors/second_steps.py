"""Who owes an organization a second step of signing in."""

from allauth.mfa.models import Authenticator
from django.db import models
from django.db.models import Exists, OuterRef, Q

from teams.models import Membership, Organization, SecondStep, User
from teams.roles import Role
from teams.selectors import memberships

# Whom `SecondStep.ADMINS` asks.
ADMINS = (Role.OWNER, Role.ADMIN)


def is_owed(user: object, organization: object) -> bool:
    """Tell whether the organization asks this member for two-step sign-in, and they have none.

    API keys and strangers owe nothing.
    """
    if not isinstance(user, User) or not isinstance(organization, Organization):
        return False
    # The organization at hand may be as old as a socket.
    seat = memberships.of_user(user).get(organization.pk)
    return seat is not None and would_owe(user, organization, seat.organization.second_step)


def owed_to(user: object, organization: object) -> Organization | None:
    """Return whom a visitor of the console owes it, who may see nothing there until then.

    For whoever is of the installation's staff that is any organization of theirs: the staff's pages are the
    same in each.
    """
    if isinstance(user, User) and user.is_staff:
        mine = [seat.organization for seat in memberships.of_user(user).values()]
        return next((each for each in mine if is_owed(user, each)), None)
    return organization if isinstance(organization, Organization) and is_owed(user, organization) else None


def without_owed(seats: models.QuerySet[Membership]) -> models.QuerySet[Membership]:
    """Leave out the seats of those who owe their organization the step. Costs no query of its own."""
    is_asked = Q(organization__second_step=SecondStep.EVERYBODY) | Q(
        organization__second_step=SecondStep.ADMINS, role__in=ADMINS
    )
    has_one = Exists(Authenticator.objects.filter(user=OuterRef("user"), type=Authenticator.Type.TOTP))
    return seats.filter(~is_asked | has_one)


def would_owe(user: User, organization: Organization, rule: str) -> bool:
    """Tell whether the member would owe it under a rule of the organization."""
    role = memberships.role_in(user, organization)
    is_asked = rule == SecondStep.EVERYBODY or (rule == SecondStep.ADMINS and role in ADMINS)
    return role is not None and is_asked and not _has_one(user)


def _has_one(user: User) -> bool:
    """Tell whether the user signs in with a code; one query a request."""
    cached: bool | None = getattr(user, "_has_second_step", None)
    if cached is None:
        cached = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists()
        user._has_second_step = cached  # type: ignore[attr-defined]
    return cached
