"""Middleware of the kernel: request ids, and an honest answer while the database is away."""

from collections.abc import Callable

import structlog
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponseBase

from chatboost.core.api import problems

logger = structlog.get_logger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class RequestIdMiddleware:
    """Give the request id, which the log lines carry, to the view and to the answer's X-Request-ID."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Run the request."""
        response = self.get_response(request)
        request_id = problems.current_request_id()
        if request_id:
            response["X-Request-ID"] = request_id
        return response


class DatabaseOutageMiddleware:
    """Answer 503 with Retry-After, not 500, when the database can't be reached: vendors then send again."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Run the request."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """Turn a lost connection into a 503; leave every other exception alone."""
        if not isinstance(exception, (OperationalError, InterfaceError)):
            return None
        logger.error("database_unavailable", error=str(exception))
        return problems.response(
            request, status=503, code="database_unavailable", detail="The database is away.", retry_after=5
        )
