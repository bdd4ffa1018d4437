"""How far whoever acts may reach: nobody gives, changes or takes away what they don't hold themselves."""

from collections.abc import Collection
from typing import Any

from chatboost.core.errors import Forbidden, ValidationFailed
from teams import roles
from teams.models import Organization, User
from teams.roles import RANK


def check(actor: Any | None, organization: Organization, *touched: str) -> None:
    """Refuse roles that the actor does not hold in full, as of now. No actor means the installation.

    Raises: ValidationFailed (`unknown_role`), Forbidden (`beyond_your_role`).
    """
    for role in touched:
        if role not in RANK:
            message = "There is no such role."
            raise ValidationFailed(message, code="unknown_role", errors={"role": [message]})
        if not holds(actor, organization, roles.permissions_of(role)):
            raise Forbidden("This role is above your own.", code="beyond_your_role")


def holds(actor: Any | None, organization: Organization, permissions: Collection[str]) -> bool:
    """Tell whether the actor holds each of these permissions, as of now."""
    if actor is None:
        return True
    if isinstance(actor, User):
        # Read anew: what the request knows of the actor may be older than the organization's lock.
        actor.__dict__.pop("_memberships", None)
    return all(actor.has_perm(each, organization) for each in permissions)
