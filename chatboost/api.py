"""The API: every room's routes, the schema and its pages, and the browsable root."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views import defaults
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from chatboost.core.api import problems
from chatboost.core.api.permissions import SignedIn

# Read by people: they get a page.
_PAGES = ("/admin", "/accounts")

# What the browsable root lists: resource → route name.
_RESOURCES = {
    "bots": "bot-list",
    "channels": "channel-list",
    "contacts": "contact-list",
    "conversations": "conversation-list",
    "flows": "flow-list",
    "nodes": "node-list",
    "executions": "execution-list",
    "flow statistics": "flow-statistics",
    "triggers": "trigger-list",
    "schema": "schema",
}


class Root(APIView):
    """Every resource of the API, for browsing."""

    permission_classes = [SignedIn]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        """List the resources with their addresses."""
        return Response({name: reverse(route, request=request) for name, route in _RESOURCES.items()})


def no_route(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """Answer that no route serves this path: a page in the console, a problem document elsewhere."""
    if request.path.startswith(_PAGES):
        return defaults.page_not_found(request, kwargs.get("exception") or Exception())
    return problems.response(request, status=404, code="no_route", detail=f"No route serves {request.path}.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer that this is our mistake; the request id leads to the log."""
    if request.path.startswith(_PAGES):
        return defaults.server_error(request)
    return problems.response(request, status=500, code="internal_error", detail="An internal error occurred.")


urlpatterns: list[URLPattern | URLResolver] = [
    re_path(r"^api/?$", Root.as_view(), name="api-root"),
    re_path(r"^schema/?$", SpectacularAPIView.as_view(), name="schema"),
    re_path(r"^(?:docs|apidocs)/?$", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    re_path(r"^redoc/?$", SpectacularRedocView.as_view(url_name="schema"), name="redoc"),
    path("", include("teams.api.urls")),
    path("", include("chatboost.messaging.webhooks.urls")),
    path("", include("chatboost.messaging.api.urls")),
    path("", include("flows.api.urls")),
    path("", include("triggers.api.urls")),
]
