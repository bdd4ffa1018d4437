"""The OpenAPI document: drawn without a warning, every route in it, every action guarded."""

from typing import Any

import pytest
from django.core.management import call_command
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from rest_framework.test import APIClient

from chatboost.core.api.permissions import RolePermission
from teams import roles

PREFIXES = ("admin/", "accounts/")


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return SchemaGenerator().get_schema(request=None, public=True)


def views() -> list[Any]:
    found: list[Any] = []

    def walk(patterns: list[URLPattern | URLResolver], prefix: str) -> None:
        for entry in patterns:
            route = prefix + str(entry.pattern)
            if route.startswith(PREFIXES):
                continue
            if isinstance(entry, URLResolver):
                walk(entry.url_patterns, route)
            elif cls := getattr(entry.callback, "cls", None):
                found.append((route, cls, getattr(entry.callback, "actions", None)))

    walk(get_resolver().url_patterns, "")
    return found


def test_schema_is_drawn_without_warnings(tmp_path: Any) -> None:
    call_command("spectacular", file=str(tmp_path / "schema.yml"), fail_on_warn=True, validate=True)


def test_schema_is_valid_openapi_31(schema: dict[str, Any]) -> None:
    validate_schema(schema)
    assert schema["openapi"].startswith("3.1")


def test_every_operation_documents_its_problems(schema: dict[str, Any]) -> None:
    missing = [
        f"{method} {path}"
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
        if isinstance(operation, dict) and "default" not in operation["responses"]
    ]
    assert missing == []


def test_every_action_asks_for_a_permission_that_a_role_holds() -> None:
    unguarded = []
    for route, cls, actions in views():
        if RolePermission not in getattr(cls, "permission_classes", []):
            continue
        for method, action in (actions or {}).items():
            permission = cls.permission_map.get(action) or cls.permission_map.get(method)
            if permission is None or not roles.is_known(permission):
                unguarded.append(f"{method} {route} ({action}): {permission}")
    assert unguarded == []


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/docs", "/docs/", "/apidocs/", "/redoc", "/schema", "/livez", "/api/"])
def test_public_page_answers_with_and_without_slash(path: str, api: APIClient) -> None:
    assert api.get(path, HTTP_ACCEPT="*/*").status_code == 200


@pytest.mark.django_db
def test_unknown_path_is_a_problem_document(api: APIClient) -> None:
    answer = api.get("/no/such/path")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_route")
    assert answer["Content-Type"] == "application/problem+json"
