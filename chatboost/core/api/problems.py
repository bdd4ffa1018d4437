"""Errors as RFC 9457 problem documents, one shape for the whole API."""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import (
    ObjectDoesNotExist,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

from chatboost.core.errors import DomainError

CONTENT_TYPE = "application/problem+json"

# DRF's words for the same thing, in ours.
_CODES = {
    "invalid": "validation_failed",
    "parse_error": "malformed_body",
    "not_found": "not_found",
    "throttled": "rate_limited",
}


def current_request_id() -> str:
    """Return the id that the log lines of this request carry, or an empty string."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


def document(
    *, status: int, code: str, detail: str, errors: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Build a problem document. `errors` maps a field to its messages."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "errors": dict(errors or {}),
        "request_id": current_request_id(),
    }


def response(
    request: HttpRequest, *, status: int, code: str, detail: str, retry_after: int | None = None
) -> HttpResponse:
    """Answer a problem outside DRF: webhooks, middleware, unknown paths."""
    answer = JsonResponse(
        document(status=status, code=code, detail=detail), status=status, content_type=CONTENT_TYPE
    )
    if retry_after is not None:
        answer["Retry-After"] = str(retry_after)
    return answer


def exception_handler(exception: Exception, context: Mapping[str, Any]) -> Response | None:
    """Turn what a view raised into a problem; None leaves a bug to be a 500."""
    problem = _problem(exception)
    if problem is None:
        return None
    set_rollback()
    # A browser gets the browsable API's page around the problem, and that is HTML.
    renderer = getattr(context["request"], "accepted_renderer", None)
    is_page = renderer is not None and renderer.format == "api"
    answer = Response(problem, status=problem["status"], content_type=None if is_page else CONTENT_TYPE)
    for name, value in _headers(exception).items():
        answer[name] = value
    return answer


def _problem(exception: Exception) -> dict[str, Any] | None:
    match exception:
        case DomainError():
            return document(
                status=exception.status,
                code=exception.code,
                detail=exception.message,
                errors=exception.errors,
            )
        case exceptions.ValidationError():
            return _validation(exception.detail)
        case DjangoValidationError():
            return _validation(_messages(exception))
        case Http404() | ObjectDoesNotExist():
            return document(status=404, code="not_found", detail="Not found.")
        case PermissionDenied():
            return document(status=403, code="permission_denied", detail="Your role does not allow this.")
        case RequestDataTooBig():
            return document(status=413, code="body_too_large", detail="The body is too large.")
        case SuspiciousOperation() | UnreadablePostError():
            return document(status=400, code="bad_request", detail="The request can't be read.")
        case exceptions.APIException():
            return _api_exception(exception)
    return None


def _api_exception(exception: exceptions.APIException) -> dict[str, Any]:
    codes = exception.get_codes()
    code = codes if isinstance(codes, str) else exception.default_code
    return document(status=exception.status_code, code=_CODES.get(code, code), detail=str(exception.detail))


def _validation(detail: Any) -> dict[str, Any]:
    errors = _flatten(detail)
    first = next(
        (f"{field}: {messages[0]}" for field, messages in errors.items() if messages), "Invalid input."
    )
    return document(status=status.HTTP_400_BAD_REQUEST, code="validation_failed", detail=first, errors=errors)


def _messages(exception: DjangoValidationError) -> dict[str, list[str]]:
    if hasattr(exception, "message_dict"):
        return {
            ("non_field_errors" if key == "__all__" else key): value
            for key, value in exception.message_dict.items()
        }
    return {"non_field_errors": exception.messages}


def _flatten(detail: Any, prefix: str = "") -> dict[str, list[str]]:
    """Map nested details to dotted paths: `attributes.1.key`."""
    if isinstance(detail, Mapping):
        pairs = detail.items()
    elif isinstance(detail, list) and any(isinstance(entry, (Mapping, list)) for entry in detail):
        pairs = enumerate(detail)  # type: ignore[assignment]
    else:
        messages = detail if isinstance(detail, list) else [detail]
        return {prefix or "non_field_errors": [str(message) for message in messages]} if messages else {}
    flat: dict[str, list[str]] = {}
    for key, value in pairs:
        if value:
            flat |= _flatten(value, f"{prefix}.{key}" if prefix else str(key))
    return flat


def _headers(exception: Exception) -> dict[str, str]:
    headers: dict[str, str] = {}
    if challenge := getattr(exception, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    wait = getattr(exception, "wait", None)
    if wait is not None:
        headers["Retry-After"] = str(math.ceil(wait))
    return headers
