"""Roles, and what each may do: a room declares in `permissions.py` the least role of each permission."""

from django.db import models


class Role(models.TextChoices):
    """The five roles, from most to least. Each holds everything of the ones below it."""

    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    EDITOR = "editor", "Editor"
    AGENT = "agent", "Agent"
    VIEWER = "viewer", "Viewer"


RANK = {Role.VIEWER: 0, Role.AGENT: 1, Role.EDITOR: 2, Role.ADMIN: 3, Role.OWNER: 4}

_least: dict[str, Role] = {}


def grant(least: Role, *permissions: str) -> None:
    """Declare permissions that this role and those above hold. Raises ValueError on a second declaration."""
    for permission in permissions:
        if permission in _least:
            raise ValueError(f"permission {permission!r} is declared twice")
        _least[permission] = least


def is_known(permission: str) -> bool:
    """Tell whether a room has declared the permission."""
    return permission in _least


def least_of(permission: str) -> Role | None:
    """Return the least role that holds a permission; None for one that nobody has declared."""
    return _least.get(permission)


def allows(role: str, permission: str) -> bool:
    """Tell whether a role holds a permission. An undeclared permission is held by nobody."""
    least = _least.get(permission)
    return least is not None and role in RANK and RANK[Role(role)] >= RANK[least]


def permissions_of(role: str) -> list[str]:
    """Return the permissions a role holds, sorted."""
    return sorted(permission for permission in _least if allows(role, permission))
