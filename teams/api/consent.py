"""`/authorize` and `/oauth2callback`: the trip to Google and back, of a browser that is signed in.

What is begun in a browser's session ends there, so programs with a token or a key are refused: theirs is
`POST /team/connections`.
"""

from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.auth import get_user
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chatboost.core.api.permissions import RolePermission
from chatboost.core.api.views import View
from chatboost.core.errors import ValidationFailed
from teams.authentication import SessionAuthentication
from teams.models import Purpose, User
from teams.services import connections, consent
from teams.services.consent import MAX_CODE, MAX_STATE, Return, Visitor

CONNECTIONS = "admin:teams_connectedaccount_changelist"


class _InBrowser(View):
    """A step of a browser. What is wrong is a page for people, and a problem for programs."""

    def handle_exception(self, exc: Exception) -> Any:
        """Show the reason; a browser that nobody has signed in at is sent to do so, and then back."""
        problem = super().handle_exception(exc)
        if "text/html" not in self.request.headers.get("Accept", ""):
            return problem
        if problem.status_code == 401:
            return redirect_to_login(self.request.get_full_path())
        page = {"words": problem.data["detail"], "back_url": reverse(CONNECTIONS)}
        return render(self.request._request, "teams/connection_failed.html", page, status=problem.status_code)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Keep addresses with a state in them out of caches and other sites' logs."""
        if isinstance(response, Response):
            response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        response["Referrer-Policy"] = "no-referrer"
        return response


class AuthorizeView(_InBrowser):
    """GET /authorize."""

    permission_classes = (RolePermission,)
    permission_map: ClassVar[dict[str, str]] = {"get": connections.MANAGE}

    @extend_schema(
        operation_id="authorize",
        summary="Send a browser to Google, to connect an account",
        description=(
            "For a browser with the console’s session, in which Google’s answer has to arrive. "
            "`session_required`: a program came with a token or a key."
        ),
        parameters=[
            OpenApiParameter("purpose", str, enum=Purpose.values, default=Purpose.CALENDAR.value),
        ],
        responses={302: OpenApiResponse(description="To Google’s page of consent.")},
    )
    def get(self, request: Request) -> HttpResponse:
        """Begin the trip."""
        is_program = not isinstance(request.successful_authenticator, SessionAuthentication)
        visitor = None if is_program else _visitor(request._request)
        if visitor is None:
            raise ValidationFailed(
                "Open this address in a browser that is signed in to the console: what Google answers is "
                "taken in the same session only.",
                code="session_required",
            )
        purpose = request.query_params.get("purpose", Purpose.CALENDAR)
        return HttpResponseRedirect(consent.begin(visitor, purpose=purpose))


class CallbackView(_InBrowser):
    """GET /oauth2callback."""

    access = "anybody, by the state that Google sends along"
    permission_classes = (AllowAny,)
    # A token or a key says nothing here: the browser's session has to be the one that began.
    authentication_classes = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let Google add whatever it likes to the query."""
        APIView.initial(self, request, *args, **kwargs)

    @extend_schema(
        operation_id="oauth2callback",
        summary="Take a browser back from Google",
        description=(
            "`state_missing`, `state_unknown`, `state_foreign`, `state_expired`, `state_used`: the trip was "
            "not begun here, in this session, or not lately. `access_denied`: the person said no."
        ),
        parameters=[
            OpenApiParameter(name, {"type": "string", "maxLength": longest})
            for name, longest in (("state", MAX_STATE), ("code", MAX_CODE), ("error", 200), ("scope", 2000))
        ],
        auth=[],
        responses={302: OpenApiResponse(description="Connected: to the console’s page of connections.")},
    )
    def get(self, request: Request) -> HttpResponse:
        """End the trip."""
        query = request.query_params
        came = Return(state=query.get("state", ""), code=query.get("code", ""), error=query.get("error", ""))
        account = consent.finish(_visitor(request._request), came)
        messages.success(request._request, f"{Purpose(account.purpose).label} is connected: {account}.")
        return HttpResponseRedirect(reverse(CONNECTIONS))


def _visitor(request: HttpRequest) -> Visitor | None:
    """Return who is signed in at the browser; None for a stranger."""
    # Not `request.user`, which a view without authentication has made nobody.
    user, key = get_user(request), request.session.session_key
    if not isinstance(user, User) or not key:
        return None
    organization = request.organization  # type: ignore[attr-defined]
    return Visitor(user=user, organization=organization, session_key=key)
