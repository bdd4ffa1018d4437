"""Errors: one shape for all of them, a stable code for machines, nothing that a bug would tell."""

from typing import Any

import pytest
import structlog
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, RequestDataTooBig
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404
from django.test import Client, RequestFactory
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient

from chatboost.core.api import problems
from chatboost.core.errors import Conflict, DomainError, Forbidden, NotFound, ValidationFailed

KEYS = {"type", "title", "status", "detail", "code", "errors", "request_id"}


def handle(exception: Exception) -> Response:
    answer = problems.exception_handler(exception, {"request": Request(RequestFactory().get("/"))})
    assert answer is not None
    return answer


ANSWERS: list[tuple[Exception, int, str]] = [
    (DomainError("No."), 400, "invalid"),
    (ValidationFailed("No."), 400, "validation_failed"),
    (ValidationFailed("No.", code="invalid_phone"), 400, "invalid_phone"),
    (NotFound("No."), 404, "not_found"),
    (Conflict("No.", code="last_owner"), 409, "last_owner"),
    (Forbidden("No."), 403, "permission_denied"),
    (exceptions.ValidationError({"name": ["No."]}), 400, "validation_failed"),
    (exceptions.ParseError("No."), 400, "malformed_body"),
    (exceptions.NotAuthenticated(), 401, "not_authenticated"),
    (exceptions.AuthenticationFailed(), 401, "authentication_failed"),
    (exceptions.PermissionDenied(), 403, "permission_denied"),
    (exceptions.NotFound(), 404, "not_found"),
    (exceptions.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
    (exceptions.NotAcceptable(), 406, "not_acceptable"),
    (exceptions.UnsupportedMediaType("text/plain"), 415, "unsupported_media_type"),
    (exceptions.Throttled(), 429, "rate_limited"),
    (DjangoValidationError("No."), 400, "validation_failed"),
    (Http404(), 404, "not_found"),
    (ObjectDoesNotExist("Contact 7 of Acme"), 404, "not_found"),
    (PermissionDenied("because of a rule"), 403, "permission_denied"),
    (RequestDataTooBig(), 413, "body_too_large"),
]


@pytest.mark.parametrize(("exception", "status", "code"), ANSWERS)
def test_exception_becomes_a_problem_document(exception: Exception, status: int, code: str) -> None:
    answer = handle(exception)

    assert (answer.status_code, answer.data["status"], answer.data["code"]) == (status, status, code)
    assert set(answer.data) == KEYS
    assert answer.data["detail"]
    assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize("bug", [KeyError("password"), RuntimeError("a bug"), ZeroDivisionError()])
def test_bug_is_left_to_be_a_500(bug: Exception) -> None:
    assert problems.exception_handler(bug, {}) is None


@pytest.mark.parametrize("exception", [ObjectDoesNotExist("Contact 7 of Acme"), Http404("Contact 7 of Acme")])
def test_missing_row_is_not_described(exception: Exception) -> None:
    assert handle(exception).data["detail"] == "Not found."


def test_domain_error_names_its_fields() -> None:
    error = ValidationFailed("The phone is no phone.", code="invalid_phone", errors={"phone": ("No phone.",)})

    answer = handle(error)

    assert answer.data["errors"] == {"phone": ["No phone."]}
    assert answer.data["detail"] == "The phone is no phone."


FLAT: list[tuple[Any, dict[str, list[str]]]] = [
    ({"name": ["Required."]}, {"name": ["Required."]}),
    ({"name": ["One.", "Two."]}, {"name": ["One.", "Two."]}),
    (["Whole."], {"non_field_errors": ["Whole."]}),
    ("Whole.", {"non_field_errors": ["Whole."]}),
    ({"contact": {"phone": ["No phone."]}}, {"contact.phone": ["No phone."]}),
    (
        {"attributes": [{}, {"key": ["Required."]}]},
        {"attributes.1.key": ["Required."]},
    ),
    ([{}, {"key": ["Required."]}], {"1.key": ["Required."]}),
    ({"a": {"b": [{"c": ["Deep."]}]}, "d": ["Flat."]}, {"a.b.0.c": ["Deep."], "d": ["Flat."]}),
]


@pytest.mark.parametrize(("detail", "errors"), FLAT)
def test_nested_errors_are_dotted_paths(detail: Any, errors: dict[str, list[str]]) -> None:
    answer = handle(exceptions.ValidationError(detail))

    assert answer.data["errors"] == errors
    first = next(iter(errors))
    assert answer.data["detail"] == f"{first}: {errors[first][0]}"


def test_models_errors_have_the_same_shape() -> None:
    error = DjangoValidationError({"name": ["Too long."], "__all__": ["Taken."]})

    assert handle(error).data["errors"] == {"name": ["Too long."], "non_field_errors": ["Taken."]}


def test_throttled_says_when_to_come_back() -> None:
    assert handle(exceptions.Throttled(wait=4.2))["Retry-After"] == "5"


def test_document_carries_the_request_id_of_the_log_lines() -> None:
    with structlog.contextvars.bound_contextvars(request_id="abc-1"):
        assert handle(NotFound("No.")).data["request_id"] == "abc-1"
    assert handle(NotFound("No.")).data["request_id"] == ""


def test_response_outside_the_api_has_the_same_shape() -> None:
    answer = problems.response(
        RequestFactory().get("/"), status=503, code="away", detail="Away.", retry_after=5
    )

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.django_db
def test_request_without_credentials_gets_a_challenge_and_an_id() -> None:
    answer = APIClient().get("/bots/")

    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
    assert answer["WWW-Authenticate"]
    assert answer.json()["request_id"] == answer["X-Request-ID"] != ""


@pytest.mark.django_db
def test_body_that_is_no_json_is_a_problem(api: APIClient) -> None:
    answer = api.post("/bots/", data="{", content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_body")


@pytest.mark.django_db
def test_browser_gets_the_problem_as_a_page(api: APIClient) -> None:
    answer = api.get("/bots/999", headers={"Accept": "text/html"})

    assert (answer.status_code, answer["Content-Type"]) == (404, "text/html; charset=utf-8")


@pytest.mark.django_db
def test_body_of_another_kind_is_a_problem(api: APIClient) -> None:
    answer = api.post("/bots/", data="<bot/>", content_type="text/xml")

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.django_db
def test_each_request_has_an_id_of_its_own() -> None:
    first, second = (Client().get("/livez")["X-Request-ID"] for _ in range(2))

    assert first != second
