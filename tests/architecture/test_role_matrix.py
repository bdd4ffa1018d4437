"""Five roles, every operation, every page and button: the server refuses exactly what is declared."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import resolve

from chatboost.console.site import site
from chatboost.core import live
from chatboost.core.admin import ConsolePage, StaffAdmin
from teams import access, roles
from teams.models import Notification, User
from teams.roles import Role
from tests import factories
from tests.architecture import admin_pages, blank, dumps, operations, topic_sweep
from tests.architecture.admin_pages import Page, browser_of
from tests.architecture.operations import Operation
from tests.architecture.tenant_sweep import is_vendors_door
from tests.architecture.tenants import Tenants, scratch

pytestmark = [pytest.mark.django_db, pytest.mark.sweep]

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "permissions.md"
# To some roles a row is not there at all.
REFUSED = {403, 404}
# What a page can't be asked without.
QUERIES = {"autocomplete": "?app_label=flows&model_name=flow&field_name=bot"}
QUESTION = "core/bulk_action.html"
WORDS = {access.ANYBODY, access.MEMBER, access.CALLER, access.PERSON}
CLOSED = {access.STAFF, access.NOBODY, access.SHELL}


@pytest.fixture(autouse=True)
def _fast(settings: Any, quiet: None) -> None:
    settings.TEMPLATES = [blank.BACKEND]


# What is declared


def test_everything_says_who_may() -> None:
    silent = [f"{entry.area}: {entry.name}" for entry in access.entries() if not entry.asks]
    assert silent == [], (
        f"{silent}: name a permission (permission_map, DetailAction, BulkAction, page_permissions, "
        "ConsolePage.permission, register_topic), or say whom a public view is for (open_to)"
    )


def test_every_permission_that_is_asked_for_is_one_that_a_role_holds() -> None:
    asked = {entry.asks for entry in access.entries() if "." in entry.asks and " " not in entry.asks}
    assert {permission for permission in asked if not roles.is_known(permission)} == set()


def test_document_is_what_the_code_says() -> None:
    from teams.management.commands.list_permissions import text

    assert DOCUMENT.read_text() == text(), "manage.py list_permissions > docs/permissions.md"


# What is answered


@pytest.mark.parametrize(("role", "is_superuser"), [*((role, False) for role in Role), (Role.VIEWER, True)])
def test_operations_refuse_what_the_role_may_not(
    role: Role, is_superuser: bool, both: Tenants, every_operation: list[Operation]
) -> None:
    user = factories.member(both.b.organization, role)
    User.objects.filter(pk=user.pk).update(is_superuser=is_superuser)
    client = operations.signed_in(user)
    wrong = []
    for operation in every_operation:
        if is_vendors_door(operation):
            continue
        with scratch():
            answer = operation.request(both.b).send(client)
        asks = _asked_by(operation, both)
        if (answer.status_code == 403) is _allows(role, asks):
            wrong.append(f"{operation} asks {asks}, answers {answer.status_code}")
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize("role", list(Role))
def test_pages_refuse_what_the_role_may_not(role: Role, both: Tenants) -> None:
    browser = browser_of(factories.member(both.b.organization, role))
    wrong = [
        f"{address} asks {asks}, answers {status}"
        for page in admin_pages.pages(site)
        for address, asks, status in _visits(page, browser, both)
        if (status in REFUSED) is _allows(role, asks)
    ]
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize("role", list(Role))
def test_bulk_actions_do_nothing_that_the_role_may_not(role: Role, both: Tenants) -> None:
    browser = browser_of(factories.member(both.b.organization, role))
    browser.get("/admin/")
    before = dumps.take()
    wrong = []
    for model, admin in site._registry.items():
        # A person's own rows are nobody else's, whatever their role.
        is_personal = model is Notification
        if model not in both.b.rows or isinstance(admin, StaffAdmin) or is_personal:
            continue
        address, pk = admin.url("changelist"), both.b.row(model).pk  # type: ignore[attr-defined]
        for action in admin.bulk_actions:  # type: ignore[attr-defined]
            data = {"action": action.name, "_selected_action": pk, "ids": str(pk)}
            with scratch():
                template = getattr(browser.post(address, data), "template_name", None)
                browser.post(address, {**data, "confirmed": "1"})
                is_changed = bool(dumps.difference(before, dumps.take()))
            # Whoever may is asked first; to the others the action does not exist.
            if (template == QUESTION) is not _allows(role, action.permission):
                wrong.append(f"{address} {action.name} shows {template}")
            if is_changed and not _allows(role, action.permission):
                wrong.append(f"{address} {action.name} is carried out")
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize("role", list(Role))
def test_topics_refuse_what_the_role_may_not(role: Role, both: Tenants) -> None:
    user = factories.member(both.b.organization, role)
    wrong = [
        noun
        for noun, topic in live.topics().items()
        if live.may_follow(topic_sweep.topic_of(noun, both.b), user=user, organization=both.b.organization)
        is not roles.allows(role, topic.permission)
    ]
    assert wrong == [], "\n".join(wrong)


def _allows(role: Role, asks: str) -> bool:
    """Tell whether somebody with this role, and not of the installation's staff, may."""
    if asks in WORDS | CLOSED:
        return asks in WORDS
    return roles.allows(role, asks) if roles.is_known(asks) else " " in asks


def _asked_by(operation: Operation, both: Tenants) -> str:
    actions = getattr(resolve(operation.request(both.b).url).func, "actions", None) or {}
    return access.asked_by(operation.view, actions.get(operation.method), operation.method)


def _visits(page: Page, browser: Client, both: Tenants) -> Iterator[tuple[str, str, int]]:
    """Yield address, what is asked there, and what it answers; each visit is undone."""
    view_class = getattr(page.pattern.callback, "view_class", None)
    kind = page.name.rpartition("_")[2]
    admin: Any = page.admin
    if page.model is Notification and kind in ("change", "history", "action"):
        return  # a person's own rows are nobody else's, whatever their role
    for index, address in enumerate(page.addresses(both.b)):
        if view_class is not None and issubclass(view_class, ConsolePage):
            yield address, view_class.permission, _get(browser, address)
        elif page.name == "view_on_site" or not page.name:
            continue  # no row of ours has an address outside the console
        elif admin is None:
            asks = access.SITE_PAGES.get(page.name, access.ANYBODY)
            yield address, asks, _get(browser, address + QUERIES.get(page.name, ""))
        elif page.name in getattr(admin, "page_permissions", {}):
            # Some are about something else than a row, which need not be there.
            is_forbidden = _post(browser, address) == 403
            yield address, admin.page_permissions[page.name], 403 if is_forbidden else 200
        elif kind == "action" and getattr(admin, "detail_actions", ()):
            yield address, admin.detail_actions[index].permission, _post(browser, address)
        elif access.STANDARD.get(kind) and (page.model in both.b.rows or kind in ("changelist", "add")):
            asks = access.asked_by_admin(admin, access.STANDARD[kind])
            yield address, asks, _get(browser, address)
            if kind == "change" and access.asked_by_admin(admin, "change") != access.NOBODY:
                changing = access.asked_by_admin(admin, "change", both.b.rows.get(page.model))
                yield f"{address} (POST)", changing, _post(browser, address)


def _get(browser: Client, address: str) -> int:
    with scratch():
        return browser.get(address).status_code


def _post(browser: Client, address: str) -> int:
    with scratch():
        return browser.post(address).status_code
