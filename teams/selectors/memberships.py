"""Who belongs where."""

from collections.abc import Sequence
from typing import Any

from django.db import models

from teams.models import ApiKey, Membership, Organization, User
from teams.principals import ApiKeyPrincipal


def of_user(user: User) -> dict[int, Membership]:
    """Return the user's memberships in active organizations by organization id; one query a request."""
    cached: dict[int, Membership] | None = getattr(user, "_memberships", None)
    if cached is None:
        rows = Membership.objects.filter(user=user, organization__is_active=True).select_related(
            "organization"
        )
        cached = {row.organization_id: row for row in rows.order_by("organization__name", "id")}
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
