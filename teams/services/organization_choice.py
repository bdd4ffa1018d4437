"""Which organization a request is about."""

from operator import attrgetter

from chatboost.core.errors import NotFound
from teams.models import Organization, User
from teams.selectors import memberships

SESSION_KEY = "organization_id"


def for_header(user: User, slug: str | None) -> Organization | None:
    """Return the organization that X-Organization names, or the only one; None when the user has several.

    Raises: NotFound (`organization_not_found`) when the user is no member of the named one.
    """
    mine = [membership.organization for membership in memberships.of_user(user).values()]
    if slug:
        for organization in mine:
            if organization.slug == slug:
                return organization
        raise NotFound("No such organization.", code="organization_not_found")
    return mine[0] if len(mine) == 1 else None


def for_session(user: User, chosen_id: object) -> Organization | None:
    """Return the organization chosen in the console, or else the one the user has belonged to for longest.

    So somebody else can't move a person's console by giving them another membership.
    """
    mine = memberships.of_user(user)
    chosen = mine.get(chosen_id) if isinstance(chosen_id, int) else None
    membership = chosen or min(mine.values(), key=attrgetter("pk"), default=None)
    return membership.organization if membership else None
