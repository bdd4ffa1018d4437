"""Who may call the routes of this room that are not about the request's organization."""

from typing import Any

from rest_framework.request import Request

from chatboost.core.api.permissions import OrganizationRequired, RolePermission, SignedIn, permission_for
from chatboost.core.errors import Forbidden, NotFound
from teams.models import User
from teams.selectors import memberships


class Person(SignedIn):
    """A signed-in user; an API key is refused."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether the caller is a person."""
        if not super().has_permission(request, view):
            return False
        if not isinstance(request.user, User):
            raise Forbidden("An API key can't do this.", code="user_required")
        return True


class PersonInOrganization(RolePermission):
    """Asks the role in the request's organization, of a person: an API key has nothing of its own there."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether the caller is a person who may run this action in the organization."""
        return Person().has_permission(request, view) and super().has_permission(request, view)


def person(request: Request) -> User:
    """Return the signed-in user of a route that Person guards."""
    assert isinstance(request.user, User)
    return request.user


class RoleAnywhere(RolePermission):
    """Asks the role in each of the caller's organizations, or in the one that X-Organization names.

    The view finds those where it is held in its `organizations`.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether the caller may run this action in any. Raises: OrganizationRequired without one."""
        if not request.user or not request.user.is_authenticated:
            return False
        named = request.organization if request.headers.get("X-Organization") else None  # type: ignore[attr-defined]
        mine = [named] if named else [seat.organization for seat in memberships.seats_of(request.user)]
        if not mine:
            raise OrganizationRequired("You belong to no organization.")
        permission = permission_for(view, request.method or "") or ""
        view.organizations = [each for each in mine if request.user.has_perm(permission, each)]
        return bool(view.organizations)


class RoleInPath(RolePermission):
    """Asks the role that the caller has in the organization of the path, whatever the request's is."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether the caller may run this action there. Raises: NotFound for a foreign organization."""
        if view.kwargs.get("organization_id") is None:
            return request.method == "OPTIONS" and bool(request.user and request.user.is_authenticated)
        return self.enter(request, view) and super().has_permission(request, view)

    def enter(self, request: Request, view: Any) -> bool:
        """Make the request about the organization of the path. Raises: NotFound for a foreign one."""
        if not request.user or not request.user.is_authenticated:
            return False
        seat = memberships.seat_in(request.user, int(view.kwargs["organization_id"]))
        if seat is None:
            raise NotFound("Not found.")
        request._request.organization = seat.organization  # type: ignore[attr-defined]
        return True
