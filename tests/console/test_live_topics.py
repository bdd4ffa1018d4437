"""Who may follow a conversation live."""

import pytest

from chatboost.core import live
from teams.models import Organization, User
from teams.roles import Role
from tests import factories
from tests.console import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(organization: Organization) -> User:
    return factories.member(organization, Role.VIEWER)


def test_member_may_follow_a_conversation_of_the_organization(
    viewer: User, organization: Organization
) -> None:
    conversation = rows.open_conversation(organization)
    assert live.may_follow(f"conversation:{conversation.pk}", user=viewer, organization=organization)


def test_conversation_of_other_organization_may_not_be_followed(
    viewer: User, organization: Organization, other_organization: Organization
) -> None:
    conversation = rows.open_conversation(other_organization)
    topic = f"conversation:{conversation.pk}"
    answers = [
        live.may_follow(topic, user=viewer, organization=of)
        for of in (organization, other_organization, None)
    ]
    assert answers == [False, False, False]


def test_stranger_may_not_follow(organization: Organization) -> None:
    conversation = rows.open_conversation(organization)
    topic = f"conversation:{conversation.pk}"
    assert not live.may_follow(topic, user=factories.user(), organization=organization)
