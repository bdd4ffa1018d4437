"""Console pages of this room."""

from teams.admin import api_keys, members, organizations, users

__all__ = ["api_keys", "members", "organizations", "users"]
