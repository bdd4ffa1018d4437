"""Who acts when it is not a person: an API key."""

from typing import Any

from teams import roles
from teams.models import ApiKey, Organization


class ApiKeyPrincipal:
    """Stands where `request.user` stands. It belongs to one organization and holds what its key allows."""

    is_authenticated = True
    is_anonymous = False
    is_active = True
    is_staff = False
    is_superuser = False

    def __init__(self, key: ApiKey) -> None:
        self.key = key
        self.pk = f"key:{key.pk}"
        self.email = ""

    def __str__(self) -> str:
        return str(self.key)

    @property
    def audit_label(self) -> str:
        """How the audit log names the key: never mistaken for a person."""
        return f"API key {self.key}"

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Tell whether the key's role, narrowed by its scopes, allows it in its own organization."""
        if not isinstance(obj, Organization) or obj.pk != self.key.organization_id:
            return False
        return roles.allows(self.key.role, perm) and (not self.key.scopes or perm in self.key.scopes)
