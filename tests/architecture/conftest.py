"""Two organizations for a whole module, and who asks for their rows."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache

from teams.roles import Role
from teams.services import api_keys
from tests.architecture import operations, tenants
from tests.architecture.operations import Operation
from tests.architecture.tenant_sweep import Caller
from tests.architecture.tenants import Tenants


@pytest.fixture(scope="module")
def both(django_db_setup: None, django_db_blocker: Any) -> Iterator[Tenants]:
    """Return two organizations with a row of every model each, made once for a module."""
    with django_db_blocker.unblock(), tenants.seeded() as made:
        yield made


@pytest.fixture
def quiet() -> Iterator[None]:
    """Log nothing: thousands of refusals are what these tests are about."""
    logging.disable(logging.CRITICAL)
    cache.clear()
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="session")
def every_operation() -> list[Operation]:
    return operations.operations()


@pytest.fixture
def owner_of_b(db: None, both: Tenants) -> Caller:
    """Return the owner of B with an access token."""
    return Caller("owner", operations.signed_in(both.b.owner), is_person=True)


@pytest.fixture
def key_of_b(db: None, both: Tenants) -> Caller:
    """Return a program of B with an administrator's key."""
    _, text = api_keys.create(organization=both.b.organization, name="test", role=Role.ADMIN)
    return Caller("admin key", operations.holding(f"Api-Key {text}"), is_person=False)


@pytest.fixture(params=["owner_of_b", "key_of_b"])
def caller(request: pytest.FixtureRequest, quiet: None) -> Caller:
    found: Caller = request.getfixturevalue(request.param)
    return found
