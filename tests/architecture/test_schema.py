"""The OpenAPI document: drawn without a warning, every route in it, every action guarded."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.test import APIClient

from chatboost.api import Docs, Redoc
from chatboost.core.api.permissions import RolePermission
from chatboost.core.api.views import View
from teams import roles
from teams.models import Organization
from teams.roles import Role
from tests import factories

COMMITTED = Path(__file__).parents[2] / "docs" / "openapi.yaml"
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


PAGES = ["/docs", "/docs/", "/apidocs/", "/redoc", "/schema", "/api/"]


@pytest.mark.django_db
@pytest.mark.parametrize("path", [*PAGES, "/livez"])
def test_page_answers_with_and_without_slash(path: str, api: APIClient) -> None:
    assert api.get(path, headers={"Accept": "*/*"}).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("path", PAGES)
def test_page_is_nothing_for_strangers(path: str) -> None:
    answer = APIClient().get(path, headers={"Accept": "*/*"})

    assert answer.status_code == 401


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/docs", "/redoc", "/api/"])
def test_browser_of_a_stranger_is_sent_to_sign_in_and_back(path: str) -> None:
    answer = APIClient().get(path, headers={"Accept": "text/html,*/*;q=0.8"})

    assert (answer.status_code, answer["Location"]) == (302, f"/accounts/login/?next={path}")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/docs", "/redoc", "/schema", "/api/"])
def test_page_opens_in_a_signed_in_browser(path: str, organization: Organization) -> None:
    browser = Client()
    browser.force_login(factories.member(organization), factories.SIGN_IN)

    page = browser.get(path, headers={"Accept": "text/html,*/*;q=0.8"})

    assert page.status_code == 200
    # Assets are ours: no page asks another host for anything.
    assert re.findall(rb'(?:src|href)=[\'"](?:https?:)?//(?!testserver)', page.content) == []


@pytest.mark.django_db
def test_root_lists_every_resource(organization: Organization, schema: dict[str, Any]) -> None:
    lists = {
        path
        for path, operations in schema["paths"].items()
        if "get" in operations
        and "{" not in path
        and any(
            parameter["name"] == "page" or parameter["name"] == "limit"
            for parameter in operations["get"].get("parameters", [])
        )
    }

    browser = APIClient()
    owner = factories.member(organization, Role.OWNER)
    browser.force_login(owner, factories.SIGN_IN)

    shown = browser.get("/api/", headers={"Accept": "application/json"}).json()

    assert lists - {"/contacts/search/by-attribute"} <= {f"/{name}" for name in shown}
    for address in shown.values():
        assert browser.get(address, headers={"Accept": "*/*"}).status_code == 200


def test_schema_is_the_one_that_is_committed(tmp_path: Path) -> None:
    drawn = tmp_path / "openapi.yaml"
    call_command("spectacular", file=str(drawn))

    assert drawn.read_text() == COMMITTED.read_text(), (
        "The API has changed. Look whether it should have, then write it down: make schema"
    )


def leaves(schema: Any, name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every string and number that a request may hold, with its name."""
    if "$ref" in schema:
        return
    kinds = schema.get("type", [])
    if {"string", "integer"} & set([kinds] if isinstance(kinds, str) else kinds):
        yield name, schema
    for key, each in schema.get("properties", {}).items():
        yield from leaves(each, f"{name}.{key}")
    for each in [*schema.get("oneOf", []), *([schema["items"]] if "items" in schema else [])]:
        yield from leaves(each, name)


def is_bounded(schema: dict[str, Any]) -> bool:
    if "enum" in schema or "const" in schema or schema.get("format") in ("date-time", "uuid", "binary"):
        return True
    if "pattern" in schema and not re.search(r"[*+]|,}", schema["pattern"]):
        return True
    kinds = schema["type"]
    is_number = "integer" in ([kinds] if isinstance(kinds, str) else kinds)
    return {"minimum", "maximum"} <= schema.keys() if is_number else "maxLength" in schema


def test_everything_that_a_request_may_hold_is_bounded(schema: dict[str, Any]) -> None:
    found = [
        entry
        for name, component in schema["components"]["schemas"].items()
        if name.endswith("Request")
        for entry in leaves(component, name)
    ]
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                # Headers and the vendor's own parameters are bounded by what they are compared with.
                if parameter["in"] != "header" and not path.startswith("/whatsapp/webhook"):
                    found += leaves(parameter["schema"], f"{path} {parameter['name']}")

    assert [name for name, leaf in found if not is_bounded(leaf)] == []


def test_every_route_refuses_parameters_that_it_does_not_know() -> None:
    pages = (Docs, Redoc, SpectacularAPIView)

    assert [cls for _, cls, _ in views() if not issubclass(cls, (View, *pages))] == []


@pytest.mark.django_db
def test_unknown_path_is_a_problem_document(api: APIClient) -> None:
    answer = api.get("/no/such/path")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_route")
    assert answer["Content-Type"] == "application/problem+json"
