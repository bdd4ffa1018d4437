"""The view below every route of the API: what its OpenAPI document does not name, it does not take."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.plumbing import build_mock_request
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.views import APIView

from chatboost.core.errors import ValidationFailed

# The OpenAPI document's words about a route's query parameters, by name.
Parameters = Mapping[str, Mapping[str, Any]]

_one_at_a_time = threading.Lock()


class View(APIView):
    """Refuses query parameters that it does not know, so a typing error does not list everything."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let the caller in, then look at the query."""
        super().initial(request, *args, **kwargs)
        match = request._request.resolver_match
        method = "GET" if request.method == "HEAD" else str(request.method)
        # A method that is not served is told so. A view has more attributes than methods: LIST is none.
        is_served = method.lower() in self.http_method_names and hasattr(self, method.lower())
        if request.query_params and match and method != "OPTIONS" and is_served:
            _check(request.query_params, parameters_of(match.func, method), is_browsing(request))


class ListView(View, generics.ListAPIView[Any]):
    """A list that is no viewset's."""


@cache
def parameters_of(callback: Any, method: str) -> Parameters:
    """Return the query parameters that the OpenAPI document names for a route: one truth for both."""
    with _documented(callback, method) as schema:
        parameters: Parameters = schema.query_parameters(method)
    return parameters


def is_alias(callback: Any, method: str) -> bool:
    """Tell whether a route is left out of the OpenAPI document."""
    with _documented(callback, method) as schema:
        schema.method = method
        return bool(schema.is_excluded())


@contextmanager
def _documented(callback: Any, method: str) -> Iterator[Any]:
    """Give the schema of a route as the OpenAPI document's generator sees it."""
    generator = SchemaGenerator()  # holds the only reference to what it makes
    with _one_at_a_time:  # the schemas of some classes are shared by their views
        view: Any = generator.create_view(callback, method)
        view.request = build_mock_request(method, "/", view, None)
        yield view.schema


def is_browsing(request: Request) -> bool:
    """Tell whether the answer is a page of the browsable API."""
    return bool(request.accepted_renderer.format == "api")


def _check(query: Any, known: Parameters, is_form: bool) -> None:
    for name, values in query.lists():
        if name not in known:
            code, message = "unknown_parameter", "There is no such parameter."
        elif len(values) > 1 and not _is_list(known[name]):
            code, message = "repeated_parameter", "This parameter comes once."
        # A form sends the fields that nobody filled in, too.
        elif "" in values and not is_form and not _may_be_empty(known[name]["schema"]):
            code, message = "empty_parameter", "Leave it out, or give it a value."
        else:
            continue
        raise ValidationFailed(f"{name[:100]}: {message}", code=code, errors={name[:100]: [message]})


def _is_list(parameter: Mapping[str, Any]) -> bool:
    return parameter["schema"].get("type") == "array" and bool(parameter.get("explode", True))


def _may_be_empty(schema: Mapping[str, Any]) -> bool:
    is_free = schema.get("type") == "string" and not schema.keys() & {"enum", "format", "pattern"}
    return is_free and not schema.get("minLength")
