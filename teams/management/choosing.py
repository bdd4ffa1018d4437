"""Which organization a command is about."""

from django.core.management.base import CommandError

from chatboost.core.errors import DomainError
from teams.models import Organization

HELP = "Its slug; may be left out where there is only one."


def organization(slug: str | None) -> Organization:
    """Return the active organization with this slug, or the only one. Raises: CommandError."""
    rows = Organization.objects.filter(is_active=True)
    if slug is not None:
        found = rows.filter(slug=slug).first()
        if found is None:
            raise CommandError(f"There is no organization {slug}.")
        return found
    some = list(rows.order_by("id")[:2])
    if len(some) != 1:
        raise CommandError("Name the organization: --organization SLUG.")
    return some[0]


def words(refusal: DomainError) -> str:
    """Return a refusal as a command says it: with what is wrong where."""
    lines = [f"  {place}: {message}" for place, found in refusal.errors.items() for message in found]
    return "\n".join([refusal.message, *lines])
