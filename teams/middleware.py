"""Puts the organization on the request, and the wall between organizations around it."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from chatboost.core import tenancy
from teams.models import Organization, User
from teams.services import organization_choice


class OrganizationMiddleware:
    """Set `request.organization` from the session's choice; API credentials set it when they authenticate."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Run the request."""
        with tenancy.wall():
            request.organization = _choose(request)  # type: ignore[attr-defined]
            return self.get_response(request)


def _choose(request: HttpRequest) -> Organization | None:
    if "_auth_user_id" not in request.session or not isinstance(request.user, User):
        return None
    return organization_choice.for_session(request.user, request.session.get(organization_choice.SESSION_KEY))
