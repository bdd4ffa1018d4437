"""Nobody gives, changes or takes away a role whose permissions they don't all hold: people and keys alike."""

from collections.abc import Callable
from typing import Any

import pytest

from chatboost.core.errors import DomainError
from teams import roles
from teams.models import Membership, Organization
from teams.principals import ApiKeyPrincipal
from teams.roles import Role
from teams.services import api_keys, invites, members
from tests import factories
from tests.teams.invited import ADDRESS

pytestmark = pytest.mark.django_db

Operation = Callable[[Membership, Any], object]

# What each operation needs to hold of an editor's role, done to an editor.
OPERATIONS: dict[str, Operation] = {
    "add": lambda seat, actor: members.add(
        organization=seat.organization, user=factories.user(), role=seat.role, actor=actor
    ),
    "promote": lambda seat, actor: members.change_role(
        membership=Membership.objects.create(organization=seat.organization, user=factories.user()),
        role=seat.role,
        actor=actor,
    ),
    "demote": lambda seat, actor: members.change_role(membership=seat, role=Role.VIEWER, actor=actor),
    "remove": lambda seat, actor: members.remove(membership=seat, actor=actor),
    "invite": lambda seat, actor: invites.create(
        organization=seat.organization, email=ADDRESS, role=seat.role, actor=actor
    ),
    "key": lambda seat, actor: api_keys.create(
        organization=seat.organization, name="k", role=seat.role, actor=actor
    ),
}


@pytest.fixture
def editors_seat(organization: Organization) -> Membership:
    return factories.member(organization, Role.EDITOR).memberships.get()


def key_with(organization: Organization, scopes: list[str]) -> ApiKeyPrincipal:
    key, _ = api_keys.create(organization=organization, name="scoped", role=Role.OWNER, scopes=scopes)
    return ApiKeyPrincipal(key)


@pytest.mark.parametrize("name", OPERATIONS)
def test_scoped_key_reaches_as_far_as_its_scopes(editors_seat: Membership, name: str) -> None:
    actor = key_with(editors_seat.organization, ["teams.manage_members", "teams.manage_keys"])

    with pytest.raises(DomainError) as refusal:
        OPERATIONS[name](editors_seat, actor)

    assert refusal.value.code == "beyond_your_role"


@pytest.mark.parametrize("name", OPERATIONS)
def test_scoped_key_that_holds_the_whole_role_may(editors_seat: Membership, name: str) -> None:
    scopes = [*roles.permissions_of(Role.EDITOR), "teams.manage_members", "teams.manage_keys"]

    OPERATIONS[name](editors_seat, key_with(editors_seat.organization, scopes))


def test_key_without_the_scope_manages_no_members(editors_seat: Membership) -> None:
    actor = key_with(editors_seat.organization, roles.permissions_of(Role.EDITOR))

    with pytest.raises(DomainError, match="manage members"):
        members.remove(membership=editors_seat, actor=actor)
