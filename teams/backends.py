"""Authorization: what a user may do in an organization, by role."""

from typing import Any

from django.contrib.auth.backends import BaseBackend

from teams import roles
from teams.models import Organization, User
from teams.selectors import memberships


class RoleBackend(BaseBackend):
    """Answers `user.has_perm("app.verb", organization)` from the membership's role."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """Tell whether the role allows it; without an organization there is no role."""
        if not isinstance(user_obj, User) or not user_obj.is_active or not isinstance(obj, Organization):
            return False
        role = memberships.role_in(user_obj, obj)
        return role is not None and roles.allows(role, perm)
