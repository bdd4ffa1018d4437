"""Console pages of this room."""

from teams.admin import (
    accounts,
    api_keys,
    audit,
    connections,
    hosted_organizations,
    invites,
    members,
    notifications,
    organizations,
    telegram,
    users,
)

__all__ = [
    "accounts",
    "api_keys",
    "audit",
    "connections",
    "hosted_organizations",
    "invites",
    "members",
    "notifications",
    "organizations",
    "telegram",
    "users",
]
