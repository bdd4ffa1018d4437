"""Authorization: what a user may do in an organization, by role."""

from typing import Any

from django.contrib.auth.backends import BaseBackend

from chatboost.core.errors import Forbidden
from teams import roles
from teams.models import Organization, User
from teams.selectors import memberships, second_steps


class RoleBackend(BaseBackend):
    """Answers `user.has_perm("app.verb", organization)` from the membership's role."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """Tell whether the role allows it; without an organization, or an owed second step, nothing is."""
        if not isinstance(user_obj, User) or not user_obj.is_active or not isinstance(obj, Organization):
            return False
        role = memberships.role_in(user_obj, obj)
        return role is not None and roles.allows(role, perm) and not second_steps.is_owed(user_obj, obj)

    def refusal(self, user_obj: Any, organization: Any) -> Forbidden | None:
        """Say what keeps somebody out whatever their role, if anything does."""
        if second_steps.is_owed(user_obj, organization):
            return Forbidden(
                f"{organization.name} asks you for two-step sign-in. Set it up under /accounts/security.",
                code="second_step_required",
            )
        return None
