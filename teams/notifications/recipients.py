"""Who is told: active members of the organization, named or by what their role holds."""

from collections.abc import Iterable

from teams import roles
from teams.models import Membership, Organization, User
from teams.roles import Role


def among(organization: Organization, users: Iterable[User]) -> list[int]:
    """Return the ids of those users who are active members, in order. One query."""
    return _members(organization, user_id__in={user.pk for user in users})


def holding(organization: Organization, permission: str) -> list[int]:
    """Return the ids of the active members who hold a permission, in order. One query.

    Raises: ValueError for a permission that no room has declared.
    """
    if not roles.is_known(permission):
        raise ValueError(f"nobody has declared the permission {permission!r}")
    return _members(organization, role__in=[role for role in Role if roles.allows(role, permission)])


def _members(organization: Organization, **wanted: object) -> list[int]:
    # In the name of an organization that is not active nothing is said.
    members = Membership.objects.for_organization(organization).filter(
        user__is_active=True, organization__is_active=True, **wanted
    )
    return list(members.order_by("user_id").values_list("user_id", flat=True))
