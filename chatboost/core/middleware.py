"""Middleware of the kernel: request ids, readable addresses, an answer while database or storage is away."""

from collections.abc import Callable
from urllib.parse import unquote_to_bytes

import structlog
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from chatboost.core.api import problems
from chatboost.core.db import outage
from chatboost.core.files import outage as files_outage

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


class ReadableUrlMiddleware:
    """Answer 400 to a path or query that is no UTF-8 or holds NUL, for the API and the pages alike.

    Django would put U+FFFD in its place, and PostgreSQL takes no NUL.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Run the request. Raises: BadRequest."""
        query = request.META.get("QUERY_STRING", "")
        if "\x00" in request.path or ("%" in query and not _is_text(query)):
            raise BadRequest("The address is no UTF-8, or holds NUL.")
        return self.get_response(request)


class OutageMiddleware:
    """Answer 503 with Retry-After, not 500, while database or storage is away: vendors then send again.

    This covers views. What middleware raises, Django hands to `handler500`, which asks `outage_answer` too.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Run the request."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """Turn a lost connection into a 503; leave every other exception alone."""
        return outage_answer(request, exception)


def outage_answer(request: HttpRequest, exception: BaseException | None) -> HttpResponse | None:
    """Return the answer where database or storage failed a request, or None when something else is wrong."""
    if exception is None:
        return None
    if outage.is_outage(exception):
        code, detail = "database_unavailable", "The database is away."
    elif files_outage.is_outage(exception):
        code, detail = "storage_unavailable", "The storage of files is away."
    else:
        return None
    logger.error(code, error=str(exception))
    return problems.response(request, status=503, code=code, detail=detail, retry_after=5)


def _is_text(query: str) -> bool:
    raw = unquote_to_bytes(query)
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return b"\x00" not in raw
