"""The API: every room's routes, the schema and its pages, and the browsable root."""

import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

from csp.constants import SELF
from csp.decorators import csp_update
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views import defaults
from drf_spectacular.generators import EndpointEnumerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework import exceptions
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chatboost.core.api import problems
from chatboost.core.api.permissions import SignedIn
from chatboost.core.api.views import View, is_alias
from chatboost.core.middleware import outage_answer

# Read by people: they get a page.
_PAGES = ("/admin", "/accounts")


class _Page(APIView):
    """A page for people: a browser that nobody has signed in at is sent to do so, and then back."""

    permission_classes = [SignedIn]

    def handle_exception(self, exc: Exception) -> Any:
        """Redirect a browser; answer a program with a problem."""
        is_stranger = isinstance(exc, exceptions.NotAuthenticated)
        if is_stranger and "text/html" in self.request.headers.get("Accept", ""):
            return redirect_to_login(self.request.get_full_path())
        return super().handle_exception(exc)

    def finalize_response(
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> Any:
        """Leave a redirect as it is."""
        if isinstance(response, Response):
            return super().finalize_response(request, response, *args, **kwargs)
        return response


class Docs(_Page, SpectacularSwaggerSplitView):
    """Swagger UI."""


class Redoc(_Page, SpectacularRedocView):
    """ReDoc."""

    template_name = "core/redoc.html"


class Root(_Page, View):
    """Every resource of the API, for browsing."""

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        """List the resources with their addresses."""
        names = [*_resources(), "schema", "docs", "redoc"]
        return Response({name: request.build_absolute_uri(f"/{name}") for name in names})


@cache
def _resources() -> tuple[str, ...]:
    """Return the paths of all lists, as the OpenAPI document has them: aliases are left out."""
    return tuple(sorted(_lists()))


def _lists() -> Iterator[str]:
    for address, _, method, callback in EndpointEnumerator(urlpatterns).get_api_endpoints():
        is_list = issubclass(callback.cls, ListAPIView) or "list" in getattr(callback, "actions", {}).values()
        if method == "GET" and is_list and "{" not in address and not is_alias(callback, method):
            yield address.strip("/")


def no_route(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """Answer that no route serves this path: a page in the console, a problem document elsewhere."""
    if request.path.startswith(_PAGES):
        return defaults.page_not_found(request, kwargs.get("exception") or Exception())
    return problems.response(request, status=404, code="no_route", detail=f"No route serves {request.path}.")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer that Django could not make sense of the request: its address, host, form or size."""
    if request.path.startswith(_PAGES):
        return defaults.bad_request(request, exception)
    if isinstance(exception, RequestDataTooBig):
        return problems.response(request, status=413, code="body_too_large", detail="The body is too large.")
    return problems.response(request, status=400, code="bad_request", detail="The request can't be read.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer that this is our mistake, or that something of ours is away; the request id leads to the log."""
    # Django calls this while it handles the exception.
    if (answer := outage_answer(request, sys.exc_info()[1])) is not None:
        return answer
    if request.path.startswith(_PAGES):
        return defaults.server_error(request)
    return problems.response(request, status=500, code="internal_error", detail="An internal error occurred.")


urlpatterns: list[URLPattern | URLResolver] = [
    re_path(r"^api/?$", Root.as_view(), name="api-root"),
    re_path(r"^schema/?$", SpectacularAPIView.as_view(), name="schema"),
    re_path(r"^docs/?$", Docs.as_view(url_name="schema"), name="docs"),
    re_path(r"^apidocs/?$", Docs.as_view(url_name="schema")),
    re_path(
        r"^redoc/?$",
        csp_update({"worker-src": [SELF, "blob:"]})(Redoc.as_view(url_name="schema")),
        name="redoc",
    ),
    path("", include("chatboost.core.api.urls")),
    path("", include("teams.api.urls")),
    path("", include("chatboost.messaging.webhooks.urls")),
    path("", include("chatboost.messaging.api.urls")),
    path("", include("flows.api.urls")),
    path("", include("triggers.api.urls")),
    path("", include("compression.api.urls")),
    path("", include("invitations.api.urls")),
]
