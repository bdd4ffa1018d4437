"""What the bell in the console's header needs.

Imported while Unfold's admin classes load, so nothing here may import an admin module.
"""

from typing import Any

from django import template
from django.template import Context

from teams.models import Organization, User
from teams.selectors import inbox, memberships, second_steps

register = template.Library()

# The bell says "99+" beyond, so nothing more is counted for it.
MOST = 100


@register.simple_tag(takes_context=True)
def bell(context: Context) -> dict[str, Any] | None:
    """Return whose bell this is and how many are unread; None for whoever is not let in here."""
    request = context.get("request")
    user, organization = getattr(request, "user", None), getattr(request, "organization", None)
    if not isinstance(user, User) or not isinstance(organization, Organization):
        return None
    if memberships.role_in(user, organization) is None or second_steps.is_owed(user, organization):
        return None
    unread = inbox.unread_count(user.pk, organization, at_most=MOST)
    return {"user": user.pk, "organization": organization.slug, "unread": unread}
