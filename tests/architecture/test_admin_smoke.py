"""Every page of every registered model: opens, keeps organizations apart, escapes, and asks few questions.

Each test walks all models and reports those that fail: the rows of an organization are made once a test.
"""

from typing import Any

import pytest
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from chatboost.console.site import site
from chatboost.core.admin import OrganizationAdmin, StaffAdmin
from chatboost.core.models import OrganizationModel
from teams.models import Organization, User
from teams.roles import Role
from tests import factories
from tests.console import rows

pytestmark = pytest.mark.django_db

MODELS = sorted(site._registry, key=lambda model: model._meta.label)
STAFF_MODELS = [model for model in MODELS if isinstance(site._registry[model], StaffAdmin)]
TENANT_MODELS = [model for model in MODELS if model not in STAFF_MODELS]
CANARY = "<script>canary()</script>"


def label(model: type[Model]) -> str:
    return model._meta.label


def url(model: type[Model], page: str, *args: Any) -> str:
    opts = model._meta
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_{page}", args=[quote(arg) for arg in args])


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend=factories.SIGN_IN)
    return client


@pytest.fixture
def browser(organization: Organization) -> Client:
    return browser_of(factories.member(organization, Role.OWNER))


@pytest.fixture
def staff_browser(organization: Organization) -> Client:
    user = factories.member(organization, Role.VIEWER)
    User.objects.filter(pk=user.pk).update(is_staff=True)
    return browser_of(user)


def test_every_organization_model_has_an_organization_admin() -> None:
    wrong = [
        label(model)
        for model, admin in site._registry.items()
        if issubclass(model, OrganizationModel) and not isinstance(admin, OrganizationAdmin)
    ]
    assert wrong == []


def test_site_passes_django_checks() -> None:
    assert site.check(None) == []


def test_lists_by_owner_open(browser: Client, organization: Organization) -> None:
    rows.one_of_each(organization)
    statuses = {label(model): browser.get(url(model, "changelist")).status_code for model in TENANT_MODELS}
    assert {name: status for name, status in statuses.items() if status != 200} == {}


def test_rows_by_owner_open(browser: Client, organization: Organization) -> None:
    made = rows.one_of_each(organization)
    statuses = {
        label(model): browser.get(url(model, "change", made[model].pk), follow=True).status_code
        for model in TENANT_MODELS
    }
    assert {name: status for name, status in statuses.items() if status != 200} == {}


@pytest.mark.parametrize("page", ["changelist", "change", "delete"])
def test_words_of_strangers_are_escaped(page: str, browser: Client, organization: Organization) -> None:
    made = rows.one_of_each(organization, CANARY)
    wrong = []
    for model in TENANT_MODELS:
        args = [] if page == "changelist" else [made[model].pk]
        if CANARY in browser.get(url(model, page, *args), follow=True).content.decode():
            wrong.append(label(model))
    assert wrong == []


@pytest.mark.parametrize("term", ["+1 555 0100", "7", "x' OR 1=1 --"])
def test_search_opens(term: str, browser: Client, organization: Organization) -> None:
    rows.one_of_each(organization)
    statuses = {
        label(model): browser.get(url(model, "changelist"), {"q": term}).status_code
        for model in TENANT_MODELS
    }
    assert {name: status for name, status in statuses.items() if status != 200} == {}


@pytest.mark.parametrize(
    "lookup", ["organization__slug__startswith", "pk__gt", "organization__membership__user__email"]
)
def test_lookups_that_no_page_offers_are_refused(
    lookup: str, browser: Client, organization: Organization
) -> None:
    statuses = {
        label(model): browser.get(url(model, "changelist"), {lookup: "1"}).status_code
        for model in TENANT_MODELS
    }
    assert {name: status for name, status in statuses.items() if status != 400} == {}


def test_anonymous_is_sent_to_sign_in() -> None:
    ends = {
        label(model): Client().get(url(model, "changelist"), follow=True).redirect_chain[-1][0]
        for model in MODELS
    }
    assert {name: end for name, end in ends.items() if not end.startswith("/accounts/login/")} == {}


@pytest.mark.parametrize(("fixture", "expected"), [("staff_browser", 200), ("browser", 403)])
def test_pages_of_the_installation_open_for_staff_only(
    fixture: str, expected: int, request: pytest.FixtureRequest
) -> None:
    client: Client = request.getfixturevalue(fixture)
    made = rows.of_installation()
    pages = [url(model, "changelist") for model in STAFF_MODELS]
    pages += [url(model, "change", made[model].pk) for model in STAFF_MODELS]
    statuses = {page: client.get(page).status_code for page in pages}
    assert {page: status for page, status in statuses.items() if status != expected} == {}
