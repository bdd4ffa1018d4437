"""Rate limits of the REST API, counted without gaps under any concurrency."""

from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from chatboost.core import limits

# A rate that can't be read is said at the start, not at the first request.
limits.parse_rate(settings.API_RATE_LIMIT)


class CallerThrottle(BaseThrottle):
    """So many requests for each API key and user, and for each address of callers without credentials.

    Sign-in, registration and password resets have narrower limits of allauth's on top.
    """

    def __init__(self) -> None:
        self._retry_after: float | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the request and tell whether it may go on."""
        rate = limits.parse_rate(settings.API_RATE_LIMIT)
        if rate is None:
            return True
        verdict = limits.hit(f"api:{_caller(request)}", limit=rate.limit, window=rate.window)
        self._retry_after = verdict.retry_after.total_seconds()
        return verdict.is_allowed

    def wait(self) -> float | None:
        """Return how many seconds the caller should wait."""
        return self._retry_after


def _caller(request: Request) -> str:
    if request.user and request.user.is_authenticated:
        return str(request.user.pk)
    return f"address:{limits.client_address(request._request)}"
