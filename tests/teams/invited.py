"""Invites for tests, and the token that only the mail has."""

import re
from typing import Any

from chatboost.core.models import Mail
from teams.models import Organization
from teams.roles import Role
from teams.services import invites

ADDRESS = "ada@example.com"
SECRET = "a long enough secret"


def ask(
    organization: Organization, *, email: str = ADDRESS, role: str = Role.EDITOR, actor: Any = None
) -> str:
    """Invite somebody and return the token of the mail."""
    invites.create(organization=organization, email=email, role=role, actor=actor)
    return token_in_mail(email)


def token_in_mail(email: str = ADDRESS) -> str:
    """Return the token of the newest mail to an address."""
    text = Mail.objects.filter(to=email).latest("id").text
    found = re.search(r"/accounts/invite/([\w-]{43})/", text)
    assert found, text
    return found[1]
