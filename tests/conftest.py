"""Fixtures that every test may use: two organizations, always, and API clients."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from rest_framework.test import APIClient

from flows.services import compiled
from teams.models import Organization, User
from teams.roles import Role
from teams.services import api_keys
from tests import factories
from triggers.services import matchers

# On a new machine the first example waits for the tables of characters to be made, and a busy one is slow.
hypothesis_settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("suite")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what touches the database: beside real servers the rest would run as it always does."""
    for item in items:
        asks = {"db", "transactional_db", "django_db_setup"} & set(getattr(item, "fixturenames", ()))
        if asks or item.get_closest_marker("django_db"):
            item.add_marker(pytest.mark.database)


@pytest.fixture(autouse=True)
def _nothing_compiled() -> None:
    """Forget what other tests compiled: a rolled back test leaves its ids to the next one."""
    compiled._kept.clear()
    matchers._kept.clear()


@pytest.fixture
def organization(db: None) -> Organization:
    return factories.organization(name="Acme", slug="acme")


@pytest.fixture
def other_organization(db: None) -> Organization:
    return factories.organization(name="Globex", slug="globex")


@pytest.fixture
def editor(organization: Organization) -> User:
    return factories.member(organization, Role.EDITOR)


@pytest.fixture
def browser_of() -> Callable[[User], Client]:
    """Return a browser in which the user is signed in."""

    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend=factories.SIGN_IN)
        return client

    return sign_in


@pytest.fixture
def api_for() -> Callable[..., APIClient]:
    """Return a client that holds an API key of an organization: `api_for(organization, role="admin")`."""

    def make(organization: Organization, role: str = Role.ADMIN, **kwargs: Any) -> APIClient:
        _, text = api_keys.create(organization=organization, name="test", role=role, **kwargs)
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Api-Key {text}")
        return client

    return make


@pytest.fixture
def api(api_for: Callable[..., APIClient], organization: Organization) -> APIClient:
    """Return a client with an administrator's key of the first organization."""
    return api_for(organization)
