"""Users kept out by the installation's staff, and let in again."""

from collections.abc import Callable

import pytest
from allauth.usersessions.models import UserSession
from rest_framework.test import APIClient

from chatboost.core.errors import Conflict
from chatboost.core.models import AuditEntry
from teams.models import Organization, User
from teams.roles import Role
from teams.services import deactivation, deletion, organizations
from tests import factories

pytestmark = pytest.mark.django_db

Bearer = Callable[[User], APIClient]


def test_deactivated_user_is_out_everywhere(
    organization: Organization,
    bearer: Bearer,
    sign_in: Callable[[User], dict[str, str]],
) -> None:
    member, staff = factories.member(organization), factories.user(is_staff=True)
    theirs, tokens = bearer(member), sign_in(member)

    assert deactivation.deactivate(user=member, actor=staff) is True

    member.refresh_from_db()
    assert member.is_active is False
    assert theirs.get("/auth/me").status_code == 401
    assert not UserSession.objects.filter(user=member).exists()
    again = {"refresh_token": tokens["refresh_token"]}
    assert APIClient().post("/auth/token/refresh", again, format="json").status_code == 401
    signing_in = {"email": member.email, "password": "correct horse battery"}
    assert APIClient().post("/auth/token", signing_in, format="json").status_code == 401
    entry = AuditEntry.objects.get(verb="user.deactivated")
    assert (entry.organization_id, entry.actor_id) == (0, staff.pk)


def test_reactivated_user_signs_in_anew(organization: Organization, bearer: Bearer) -> None:
    member = factories.member(organization)
    before = bearer(member)
    deactivation.deactivate(user=member)

    assert deactivation.reactivate(user=member) is True

    assert before.get("/auth/me").status_code == 401
    assert bearer(member).get("/auth/me").status_code == 200
    assert AuditEntry.objects.filter(verb="user.reactivated").count() == 1


def test_doing_it_twice_changes_nothing(organization: Organization) -> None:
    member = factories.member(organization)

    outcomes = [
        deactivation.reactivate(user=member),
        deactivation.deactivate(user=member),
        deactivation.deactivate(user=member),
        deactivation.reactivate(user=member),
    ]

    assert outcomes == [False, True, False, True]
    assert AuditEntry.objects.filter(verb__startswith="user.", verb__endswith="activated").count() == 2


def test_last_owner_stays_and_the_organization_is_named(
    organization: Organization, other_organization: Organization
) -> None:
    owner = factories.member(organization, Role.OWNER)
    lonely = factories.user()
    organizations.create(name="Initech", owner=lonely)
    organizations.add_member(organization=organization, user=lonely, role=Role.OWNER)

    with pytest.raises(Conflict, match="last owner of Initech:") as refusal:
        deactivation.deactivate(user=lonely)

    lonely.refresh_from_db()
    assert (refusal.value.code, lonely.is_active) == ("last_owner", True)
    # Where there are several, one may go.
    assert deactivation.deactivate(user=owner) is True


def test_last_owner_of_a_deleted_organization_stays(organization: Organization) -> None:
    owner = factories.user()
    doomed = organizations.create(name="Doomed", owner=owner)
    deletion.delete(organization=doomed, slug="doomed", actor=owner)

    with pytest.raises(Conflict) as refusal:
        deactivation.deactivate(user=owner)

    assert refusal.value.code == "last_owner"


def test_nobody_locks_themselves_out(db: None) -> None:
    staff = factories.user(is_staff=True)

    with pytest.raises(Conflict) as refusal:
        deactivation.deactivate(user=staff, actor=staff)

    assert refusal.value.code == "own_account"
