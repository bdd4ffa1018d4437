"""Who belongs where."""

from collections.abc import Collection, Sequence
from typing import Any

from django.db import models

from teams.models import ApiKey, Membership, Organization, User
from teams.principals import ApiKeyPrincipal
from teams.roles import Role

VIEW = "teams.view_membership"


def of_user(user: User) -> dict[int, Membership]:
    """Return the user's memberships in active organizations by organization id; one query a request."""
    cached: dict[int, Membership] | None = getattr(user, "_memberships", None)
    if cached is None:
        # Their own, whichever organization it is of.
        rows = Membership.objects.across_organizations().filter(user=user, organization__is_active=True)
        ordered = rows.select_related("organization").order_by("organization__name", "id")
        cached = {row.organization_id: row for row in ordered}
        user._memberships = cached  # type: ignore[attr-defined]
    return cached


def role_in(user: User, organization: Organization) -> str | None:
    """Return the user's role in an organization, or None."""
    membership = of_user(user).get(organization.pk)
    return membership.role if membership else None


def seats_of(principal: Any) -> Sequence[Membership | ApiKey]:
    """Return where a user or an API key sits: rows with an `organization` and a `role`, by name."""
    if isinstance(principal, ApiKeyPrincipal):
        return [principal.key]
    return list(of_user(principal).values()) if isinstance(principal, User) else []


def seat_in(principal: Any, organization_id: int) -> Membership | ApiKey | None:
    """Return the caller's seat in an organization, or None when it is foreign to them."""
    return next((seat for seat in seats_of(principal) if seat.organization_id == organization_id), None)


def of_organization(organization: Organization) -> models.QuerySet[Membership]:
    """Return the members of an organization with their users, oldest first."""
    members: models.QuerySet[Membership] = Membership.objects.for_organization(organization)
    return members.select_related("user").order_by("id")


def of_organizations(organizations: Sequence[Organization]) -> models.QuerySet[Membership]:
    """Return the members of several organizations, each with user and organization, oldest first."""
    # The caller's own: whoever calls has asked for their role in each.
    seats = Membership.objects.across_organizations().filter(organization__in=organizations)
    members: models.QuerySet[Membership] = seats.select_related("user", "organization").order_by("id")
    return members


def has_other_owner(membership: Membership) -> bool:
    """Tell whether somebody else owns the organization too, and can sign in."""
    others = Membership.objects.for_organization(membership.organization_id).exclude(pk=membership.pk)
    return bool(others.filter(role=Role.OWNER, user__is_active=True).exists())


def is_member(user_id: int, organization: Organization) -> bool:
    """Tell whether a user is a member of an organization that is active, as of now."""
    seats = Membership.objects.for_organization(organization).filter(user_id=user_id)
    return bool(seats.filter(organization__is_active=True).exists())


def belongs_anywhere(user: User) -> bool:
    """Tell whether the user is a member of an active organization, as of now."""
    return bool(
        Membership.objects.across_organizations().filter(user=user, organization__is_active=True).exists()
    )


def owned_by(email: str, *, name: str, slug: str = "") -> Organization | None:
    """Return the active organization, by slug or else by name, that the user with this e-mail owns."""
    # For whoever runs the installation: whichever organization it is.
    seats = Membership.objects.across_organizations().filter(user__email=email, role=Role.OWNER)
    wanted = {"organization__slug": slug} if slug else {"organization__name": name}
    found = seats.filter(organization__is_active=True, **wanted).select_related("organization")
    seat = found.order_by("organization_id").first()
    return seat.organization if seat else None


def colleague_of(principal: Any, *, user_id: int | None = None, email: str = "") -> User | None:
    """Return the user with this id or address, if the principal sees them among some members."""
    seats = seats_of(principal)
    shared = [each.organization_id for each in seats if principal.has_perm(VIEW, each.organization)]
    people = User.objects.filter(memberships__organization__in=shared)
    wanted = people.filter(pk=user_id) if user_id is not None else people.filter(email=email.strip().lower())
    return wanted.first()


def inactive_among(organization_ids: Collection[int]) -> list[int]:
    """Return those of these organizations that are switched off."""
    return list(_inactive(organization_ids).values_list("pk", flat=True))


def hold_inactive_among(organization_ids: Collection[int]) -> list[int]:
    """Return those that are switched off, locked: they stay so until the transaction ends."""
    rows = _inactive(organization_ids).select_for_update(no_key=True).order_by("pk")
    return list(rows.values_list("pk", flat=True))


def _inactive(organization_ids: Collection[int]) -> models.QuerySet[Organization]:
    return Organization.objects.filter(pk__in=organization_ids, is_active=False)
