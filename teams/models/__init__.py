"""Users, organizations, memberships, API keys."""

from teams.models.api_key import ApiKey
from teams.models.organization import Membership, Organization
from teams.models.user import User

__all__ = ["ApiKey", "Membership", "Organization", "User"]
