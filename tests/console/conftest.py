"""Fixtures of the console's tests: browsers that are signed in."""

from collections.abc import Callable

import pytest
from django.test import Client

from teams.models import Organization, User
from teams.roles import Role
from tests import factories


@pytest.fixture
def owner(organization: Organization) -> User:
    return factories.member(organization, Role.OWNER)


@pytest.fixture
def browser(browser_of: Callable[[User], Client], owner: User) -> Client:
    """Return a browser with an owner of the first organization."""
    return browser_of(owner)


@pytest.fixture
def viewer_browser(browser_of: Callable[[User], Client], organization: Organization) -> Client:
    return browser_of(factories.member(organization, Role.VIEWER))
