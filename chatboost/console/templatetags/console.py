"""What the console's templates need beyond Django's own words.

Imported while Unfold's admin classes load, so nothing here may import an admin module.
"""

from datetime import date, datetime, timedelta
from typing import Any

from django import template
from django.template import Context
from django.utils import timezone

from chatboost.core import clock
from teams.models import Organization, User
from teams.selectors import memberships

register = template.Library()


@register.simple_tag(takes_context=True)
def other_organizations(context: Context) -> list[Organization]:
    """Return the user's other organizations, by name."""
    request = context.get("request")
    if request is None or not isinstance(request.user, User):
        return []
    current = getattr(request, "organization", None)
    mine = [membership.organization for membership in memberships.of_user(request.user).values()]
    return [organization for organization in mine if organization != current]


@register.simple_tag(takes_context=True)
def trail(context: Context) -> list[dict[str, str]]:
    """Return what stands above the page: (group, list, row), or the page's own trail and title."""
    opts, make = context.get("opts"), context.get("trail_of")
    if opts is None or make is None:
        above = [{"title": title, "link": url} for title, url in context.get("breadcrumbs") or ()]
        return [*above, {"title": context.get("title") or "", "link": ""}]
    row = context.get("original") or context.get("object")
    return make(opts, None if isinstance(row, str) else row)


@register.filter
def initial(row: Any) -> str:
    """Return the first letter of a name, for an avatar; a phone number has none."""
    letter = str(row)[:1]
    return letter.upper() if letter.isalpha() else "#"


@register.filter
def day_words(day: date) -> str:
    """Return `Today`, `Yesterday`, or the date."""
    today = timezone.localtime(clock.now()).date()
    if day == today:
        return "Today"
    return "Yesterday" if day == today - timedelta(days=1) else f"{day.day} {day:%B %Y}"


@register.filter
def ago(moment: datetime) -> str:
    """Return a short time: `now`, `5 min`, `14:05` today, else the date."""
    passed = clock.now() - moment
    local = timezone.localtime(moment)
    if passed < timedelta(minutes=1):
        return "now"
    if passed < timedelta(hours=1):
        return f"{int(passed.total_seconds() // 60)} min"
    return f"{local:%H:%M}" if local.date() == timezone.localtime(clock.now()).date() else f"{local:%d %b}"
