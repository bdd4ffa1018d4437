"""Who may call what: one permission class for the whole API."""

from typing import Any, cast

from django.contrib.auth import get_backends
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from chatboost.core.errors import DomainError

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


class OrganizationRequired(DomainError):
    """The caller belongs to several organizations and did not say which one."""

    default_code = "organization_required"


class RolePermission(BasePermission):
    """Asks `user.has_perm(perm, organization)` for the permission that the view names for the action.

    A view says `permission_map = {"list": "messaging.view_bot", …}`, by action or by lower-case method. An
    action without an entry is refused: default deny.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether the caller may run this action in the request's organization."""
        if not request.user or not request.user.is_authenticated:
            return False
        if hasattr(view, "action_map") and view.action is None:
            return True  # the route does not serve this method, and says so with 405
        permission = permission_for(view, request.method or "")
        if permission is None:
            return False
        organization = getattr(request, "organization", None)
        if organization is None:
            raise OrganizationRequired("Name the organization in the X-Organization header.")
        if request.user.has_perm(permission, organization):
            return True
        if refusal := _refusal(request.user, organization):
            raise refusal
        return False


class SignedIn(BasePermission):
    """Any authenticated caller: for routes about the caller and not about an organization."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether there is a caller."""
        return bool(request.user and request.user.is_authenticated)


def _refusal(user: Any, organization: Any) -> DomainError | None:
    """Return what an authentication backend has to say to somebody who is not let in at all, if anything."""
    for backend in get_backends():
        explain = getattr(backend, "refusal", None)
        if explain and (refusal := explain(user, organization)):
            return cast(DomainError, refusal)
    return None


def permission_for(view: Any, method: str) -> str | None:
    """Return the permission a view asks for its current action or method."""
    mapping: dict[str, str] = getattr(view, "permission_map", {})
    action = getattr(view, "action", None)
    if action == "metadata" or method == "OPTIONS":
        action = "list" if "list" in mapping else "retrieve"
    return mapping.get(action or "") or mapping.get(method.lower())
