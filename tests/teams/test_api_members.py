"""`/team/organizations/{id}/members`: added, given roles, removed, and who may."""

from collections.abc import Callable
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client
from rest_framework.test import APIClient

from chatboost.core.models import AuditEntry, WorkItem
from teams.models import (
    Membership,
    Notification,
    Organization,
    SecondStep,
    TelegramChat,
    TelegramMessage,
    User,
)
from teams.roles import Role
from teams.services import members, organizations
from tests import factories

pytestmark = pytest.mark.django_db

Bearer = Callable[[User], APIClient]
ApiFor = Callable[..., APIClient]


def path(organization: Organization, user: User | int | None = None) -> str:
    number = user.pk if isinstance(user, User) else user
    return f"/team/organizations/{organization.pk}/members" + (f"/{number}" if number is not None else "")


def owner_of(organization: Organization) -> User:
    return Membership.objects.get(organization=organization, role=Role.OWNER).user


def role_of(organization: Organization, user: User) -> str | None:
    return (
        Membership.objects.filter(organization=organization, user=user).values_list("role", flat=True).first()
    )


@pytest.fixture
def colleague(organization: Organization, other_organization: Organization) -> User:
    """Somebody whom the first organization's owner knows from the second."""
    organizations.add_member(organization=other_organization, user=owner_of(organization), role=Role.VIEWER)
    return factories.member(other_organization)


# Adding


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("by", ["user_id", "email", "EMAIL"])
def test_colleague_is_added_with_the_role_at_once(
    organization: Organization, colleague: User, bearer: Bearer, by: str, slash: str
) -> None:
    owner = owner_of(organization)
    body: dict[str, Any] = {"user_id": colleague.pk} if by == "user_id" else {"email": colleague.email}
    if by == "EMAIL":
        body = {"email": f"  {colleague.email.upper()} "}

    answer = bearer(owner).post(path(organization) + slash, body | {"role": "agent"}, format="json")

    assert answer.status_code == 201, answer.json()
    assert (answer.json()["id"], answer.json()["role"]) == (colleague.pk, "agent")
    assert role_of(organization, colleague) == Role.AGENT
    entry = AuditEntry.objects.get(verb="member.added", organization_id=organization.pk)
    assert (entry.actor_id, entry.changes["user"]) == (owner.pk, [None, colleague.email])


def test_colleague_where_the_caller_owes_a_second_step_is_as_good_as_a_stranger(
    organization: Organization, other_organization: Organization, colleague: User, bearer: Bearer
) -> None:
    client = bearer(owner_of(organization))
    other_organization.second_step = SecondStep.EVERYBODY
    other_organization.save()

    answer = client.post(path(organization), {"user_id": colleague.pk, "role": "agent"}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (422, "invite_required")


def test_key_that_may_not_see_members_finds_none_by_address(
    organization: Organization, api_for: ApiFor
) -> None:
    member = factories.member(organization)
    client = api_for(organization, scopes=[members.MANAGE])

    answer = client.post(path(organization), {"email": member.email, "role": "agent"}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (422, "invite_required")


def test_colleague_who_is_added_is_told_by_bell_and_mail_alone(
    organization: Organization, colleague: User, bearer: Bearer, chat: TelegramChat
) -> None:
    bearer(owner_of(organization)).post(
        path(organization), {"user_id": colleague.pk, "role": "agent"}, format="json"
    )

    (told,) = Notification.objects.filter(organization=organization)
    assert (told.user, told.type, told.title) == (colleague, "system", "You were added to Acme")
    assert told.seq is not None
    assert WorkItem.objects.filter(kind="teams.notification_mail", subject_id=told.pk).count() == 1
    assert not TelegramMessage.objects.exists()


def test_colleague_who_is_added_finds_the_console_where_it_was(
    organization: Organization,
    other_organization: Organization,
    colleague: User,
    browser_of: Callable[[User], Client],
) -> None:
    browser = browser_of(colleague)
    before = browser.get("/admin/").wsgi_request.organization

    members.add(organization=organization, user=colleague, role=Role.VIEWER)

    assert organization.name < other_organization.name
    assert browser.get("/admin/").wsgi_request.organization == before == other_organization


@pytest.mark.parametrize("who", ["nobody", "stranger", "deactivated stranger", "stranger's id", "no id"])
def test_anybody_else_gets_one_answer(
    organization: Organization, other_organization: Organization, bearer: Bearer, who: str
) -> None:
    stranger = factories.member(other_organization)
    if who == "deactivated stranger":
        User.objects.filter(pk=stranger.pk).update(is_active=False)
    people: dict[str, dict[str, Any]] = {
        "nobody": {"email": "nobody@example.com"},
        "stranger": {"email": stranger.email},
        "deactivated stranger": {"email": stranger.email},
        "stranger's id": {"user_id": stranger.pk},
        "no id": {"user_id": 10**15},
    }

    person = people[who]
    answer = bearer(owner_of(organization)).post(
        path(organization), person | {"role": "viewer"}, format="json"
    )

    problem = answer.json() | {"request_id": ""}
    assert (answer.status_code, problem["code"]) == (422, "invite_required")
    assert problem["detail"] == (
        "Send this person an invite: only people you work with already can be added."
    )
    assert problem["errors"] == {}
    assert Membership.objects.filter(organization=organization).count() == 1


def test_key_knows_nobody_outside_its_organization(
    organization: Organization, colleague: User, api: APIClient
) -> None:
    answer = api.post(path(organization), {"user_id": colleague.pk, "role": "viewer"}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (422, "invite_required")


def test_member_is_not_added_again(organization: Organization, bearer: Bearer) -> None:
    member = factories.member(organization, Role.VIEWER)

    answer = bearer(owner_of(organization)).post(
        path(organization), {"email": member.email, "role": "admin"}, format="json"
    )

    assert (answer.status_code, answer.json()["code"]) == (409, "already_member")
    assert role_of(organization, member) == Role.VIEWER


def test_deactivated_colleague_is_not_added(
    organization: Organization, colleague: User, bearer: Bearer
) -> None:
    User.objects.filter(pk=colleague.pk).update(is_active=False)

    answer = bearer(owner_of(organization)).post(
        path(organization), {"user_id": colleague.pk, "role": "viewer"}, format="json"
    )

    assert (answer.status_code, answer.json()["code"]) == (409, "account_inactive")


def test_nobody_adds_above_their_own_role(
    organization: Organization, other_organization: Organization, bearer: Bearer
) -> None:
    admin = factories.member(organization, Role.ADMIN)
    organizations.add_member(organization=other_organization, user=admin, role=Role.VIEWER)
    colleague = factories.member(other_organization)

    answers = {
        role: bearer(admin)
        .post(path(organization), {"user_id": colleague.pk, "role": role}, format="json")
        .json()
        .get("code", "added")
        for role in ("owner", "admin")
    }

    assert answers == {"owner": "beyond_your_role", "admin": "added"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "role"),
        ({"role": "viewer"}, "email"),
        ({"user_id": 1, "email": "a@example.com", "role": "viewer"}, "email"),
        ({"user_id": 1}, "role"),
        ({"user_id": 1, "role": "emperor"}, "role"),
        ({"user_id": "1", "role": "viewer"}, "user_id"),
        ({"user_id": True, "role": "viewer"}, "user_id"),
        ({"user_id": 0, "role": "viewer"}, "user_id"),
        ({"user_id": 2**63, "role": "viewer"}, "user_id"),
        ({"user_id": [1], "role": "viewer"}, "user_id"),
        ({"email": "no address", "role": "viewer"}, "email"),
        ({"email": 5, "role": "viewer"}, "email"),
        ({"user_id": 1, "role": 5}, "role"),
        ({"user_id": 1, "role": "viewer", "is_staff": True}, "is_staff"),
        ({"user_id": 1, "role": "viewer", "organization": 1}, "organization"),
    ],
)
def test_wrong_body_answers_400_beside_the_field(
    organization: Organization, bearer: Bearer, body: dict[str, Any], field: str
) -> None:
    answer = bearer(owner_of(organization)).post(path(organization), body, format="json")

    assert answer.status_code == 400
    assert field in answer.json()["errors"]


# Roles


def test_role_is_changed_at_once(organization: Organization, bearer: Bearer) -> None:
    member = factories.member(organization, Role.VIEWER)
    theirs = bearer(member)
    question = {"permission": "teams.manage_members"}
    assert theirs.get("/team/permissions/check", question).json()["is_allowed"] is False

    answer = bearer(owner_of(organization)).put(path(organization, member), {"role": "admin"}, format="json")

    assert (answer.status_code, answer.json()["role"]) == (200, "admin")
    assert theirs.get("/team/permissions/check", question).json()["is_allowed"] is True
    entry = AuditEntry.objects.get(verb="member.role_changed")
    assert entry.changes["role"] == ["viewer", "admin"]


def test_same_role_again_changes_nothing(organization: Organization, bearer: Bearer) -> None:
    owner = owner_of(organization)

    answer = bearer(owner).put(path(organization, owner), {"role": "owner"}, format="json")

    assert answer.status_code == 200
    assert not AuditEntry.objects.filter(verb="member.role_changed").exists()


@pytest.mark.parametrize(
    ("actor", "before", "after", "code"),
    [
        (Role.ADMIN, Role.VIEWER, Role.OWNER, "beyond_your_role"),
        (Role.ADMIN, Role.OWNER, Role.VIEWER, "beyond_your_role"),
        (Role.ADMIN, Role.OWNER, Role.OWNER, "beyond_your_role"),
        (Role.ADMIN, Role.ADMIN, Role.VIEWER, ""),
        (Role.ADMIN, Role.VIEWER, Role.ADMIN, ""),
        (Role.OWNER, Role.VIEWER, Role.OWNER, ""),
        (Role.OWNER, Role.OWNER, Role.VIEWER, ""),
        (Role.EDITOR, Role.VIEWER, Role.AGENT, "permission_denied"),
        (Role.VIEWER, Role.VIEWER, Role.VIEWER, "permission_denied"),
    ],
)
def test_role_is_changed_by_whoever_stands_as_high(
    organization: Organization, bearer: Bearer, actor: str, before: str, after: str, code: str
) -> None:
    member = factories.member(organization, before)

    answer = bearer(factories.member(organization, actor)).put(
        path(organization, member), {"role": after}, format="json"
    )

    assert (answer.status_code, answer.json().get("code", "")) == (403 if code else 200, code)
    assert role_of(organization, member) == (before if code else after)


def test_admin_may_step_down_but_not_up(organization: Organization, bearer: Bearer) -> None:
    admin = factories.member(organization, Role.ADMIN)
    client = bearer(admin)

    up = client.put(path(organization, admin), {"role": "owner"}, format="json")
    down = client.put(path(organization, admin), {"role": "viewer"}, format="json")

    assert (up.status_code, down.status_code) == (403, 200)


# The last owner


@pytest.mark.parametrize("others", ["none", "a deactivated owner"])
@pytest.mark.parametrize("method", ["put", "delete"])
def test_last_owner_stays(organization: Organization, bearer: Bearer, method: str, others: str) -> None:
    if others == "a deactivated owner":
        gone = factories.member(organization, Role.OWNER)
        User.objects.filter(pk=gone.pk).update(is_active=False)
    owner = Membership.objects.get(organization=organization, role=Role.OWNER, user__is_active=True).user
    body = {"role": "admin"} if method == "put" else {}

    answer = getattr(bearer(owner), method)(path(organization, owner), body, format="json")

    assert (answer.status_code, answer.json()["code"]) == (409, "last_owner")
    assert role_of(organization, owner) == Role.OWNER


def test_deactivated_owner_can_be_removed(organization: Organization, bearer: Bearer) -> None:
    gone = factories.member(organization, Role.OWNER)
    owner = Membership.objects.filter(organization=organization, role=Role.OWNER).earliest("id").user
    User.objects.filter(pk=gone.pk).update(is_active=False)

    answer = bearer(owner).delete(path(organization, gone))

    assert answer.status_code == 204


# Removing


def test_removed_member_is_out_at_once(
    organization: Organization, other_organization: Organization, bearer: Bearer
) -> None:
    member = factories.member(organization, Role.ADMIN)
    organizations.add_member(organization=other_organization, user=member, role=Role.VIEWER)
    theirs = bearer(member)
    assert theirs.get(path(organization)).status_code == 200

    answer = bearer(owner_of(organization)).delete(path(organization, member))

    assert answer.status_code == 204
    assert theirs.get(path(organization)).status_code == 404
    # Elsewhere they are who they were.
    assert theirs.get(path(other_organization)).status_code == 200
    entry = AuditEntry.objects.get(verb="member.removed")
    assert (entry.organization_id, entry.changes["role"]) == (organization.pk, ["admin", None])


def test_removal_from_the_last_organization_ends_sessions_and_tokens(
    organization: Organization, bearer: Bearer, sign_in: Callable[[User], dict[str, str]]
) -> None:
    member = factories.member(organization)
    tokens, theirs = sign_in(member), bearer(member)

    bearer(owner_of(organization)).delete(path(organization, member))

    assert not UserSession.objects.filter(user=member).exists()
    assert theirs.get("/auth/me").status_code == 401
    again = APIClient().post("/auth/token/refresh", {"refresh_token": tokens["refresh_token"]}, format="json")
    assert again.status_code == 401


def test_api_keys_of_a_removed_member_keep_working(organization: Organization, bearer: Bearer) -> None:
    member = factories.member(organization, Role.ADMIN)
    made = bearer(member).post("/team/api-keys", {"name": "CI"}, format="json").json()

    bearer(owner_of(organization)).delete(path(organization, member))

    holder = APIClient()
    holder.credentials(HTTP_AUTHORIZATION=f"Api-Key {made['key']}")
    assert holder.get("/auth/me").status_code == 200


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AGENT, Role.EDITOR, Role.ADMIN])
def test_anybody_may_leave(organization: Organization, bearer: Bearer, role: str) -> None:
    member = factories.member(organization, role)

    answer = bearer(member).delete(path(organization, member))

    assert answer.status_code == 204
    assert role_of(organization, member) is None
    assert AuditEntry.objects.get(verb="member.left").actor_id == member.pk


@pytest.mark.parametrize(
    ("actor", "target", "status"),
    [
        (Role.ADMIN, Role.ADMIN, 204),
        (Role.ADMIN, Role.OWNER, 403),
        (Role.OWNER, Role.OWNER, 204),
        (Role.EDITOR, Role.VIEWER, 403),
        (Role.VIEWER, Role.VIEWER, 403),
    ],
)
def test_member_is_removed_by_whoever_stands_as_high(
    organization: Organization, bearer: Bearer, actor: str, target: str, status: int
) -> None:
    member = factories.member(organization, target)

    answer = bearer(factories.member(organization, actor)).delete(path(organization, member))

    assert answer.status_code == status
    assert (role_of(organization, member) is None) is (status == 204)


def test_key_of_an_administrator_manages_members_below(organization: Organization, api: APIClient) -> None:
    member, owner = factories.member(organization, Role.VIEWER), owner_of(organization)
    factories.member(organization, Role.OWNER)

    changed = api.put(path(organization, member), {"role": "editor"}, format="json")
    refused = api.delete(path(organization, owner))
    removed = api.delete(path(organization, member))

    assert (changed.status_code, refused.status_code, removed.status_code) == (200, 403, 204)
    assert refused.json()["code"] == "beyond_your_role"


@pytest.mark.parametrize("method", ["put", "delete"])
@pytest.mark.parametrize("number", ["0", "999999999999999999", "abc", "-1"])
def test_nobody_there_answers_404(
    organization: Organization, bearer: Bearer, method: str, number: str
) -> None:
    answer = getattr(bearer(owner_of(organization)), method)(
        f"{path(organization)}/{number}", {"role": "viewer"}, format="json"
    )

    assert answer.status_code == 404


@pytest.mark.parametrize(("method", "body"), [("put", {"role": "viewer"}), ("delete", {})])
def test_member_of_another_organization_answers_404(
    organization: Organization,
    other_organization: Organization,
    bearer: Bearer,
    method: str,
    body: dict[str, Any],
) -> None:
    stranger = factories.member(other_organization, Role.AGENT)
    client = bearer(owner_of(organization))

    answers = {
        getattr(client, method)(path(organization, stranger), body, format="json").status_code,
        getattr(client, method)(path(other_organization, stranger), body, format="json").status_code,
    }

    assert answers == {404}
    assert role_of(other_organization, stranger) == Role.AGENT


def test_members_are_searched_and_filtered(organization: Organization, bearer: Bearer) -> None:
    member = factories.member(organization, Role.AGENT)
    client = bearer(owner_of(organization))

    found = client.get(path(organization), {"search": member.email}).json()["results"]
    agents = client.get(path(organization), {"role": "agent"}).json()["results"]

    assert [row["id"] for row in found] == [row["id"] for row in agents] == [member.pk]


# Ownership


def transfer(client: APIClient, organization: Organization, user: User | int) -> Any:
    number = user.pk if isinstance(user, User) else user
    return client.post(
        f"/team/organizations/{organization.pk}/transfer-ownership", {"user_id": number}, format="json"
    )


def test_ownership_is_handed_over(organization: Organization, bearer: Bearer) -> None:
    owner, heir = owner_of(organization), factories.member(organization, Role.VIEWER)

    answer = transfer(bearer(owner), organization, heir)

    assert answer.status_code == 204
    assert (role_of(organization, owner), role_of(organization, heir)) == (Role.ADMIN, Role.OWNER)
    entry = AuditEntry.objects.get(verb="organization.ownership_transferred")
    assert entry.changes == {"owner": [owner.email, heir.email]}


@pytest.mark.parametrize("role", [Role.ADMIN, Role.EDITOR, Role.VIEWER])
def test_ownership_is_handed_over_by_owners_only(
    organization: Organization, bearer: Bearer, role: str
) -> None:
    member = factories.member(organization, role)

    answer = transfer(bearer(member), organization, member)

    assert answer.status_code == 403
    assert role_of(organization, member) == role


def test_ownership_is_not_handed_over_by_a_key(organization: Organization, api_for: ApiFor) -> None:
    heir = factories.member(organization)

    answer = transfer(api_for(organization, role=Role.OWNER), organization, heir)

    assert (answer.status_code, answer.json()["code"]) == (403, "user_required")


def test_ownership_goes_to_another_active_member(
    organization: Organization, other_organization: Organization, bearer: Bearer
) -> None:
    owner, stranger = owner_of(organization), factories.member(other_organization)
    inactive = factories.member(organization)
    User.objects.filter(pk=inactive.pk).update(is_active=False)
    client = bearer(owner)

    answers = [
        (answer.status_code, answer.json()["code"])
        for answer in (
            transfer(client, organization, owner),
            transfer(client, organization, stranger),
            transfer(client, organization, 10**15),
            transfer(client, organization, inactive),
            transfer(client, other_organization, stranger),
        )
    ]

    assert answers == [
        (400, "same_user"),
        (404, "not_found"),
        (404, "not_found"),
        (409, "account_inactive"),
        (404, "not_found"),
    ]
    assert role_of(organization, owner) == Role.OWNER


@pytest.mark.parametrize("body", [{}, {"user_id": "x"}, {"user_id": None}, {"user_id": 1.5}, {"heir": 1}, []])
def test_transfer_of_a_wrong_body_answers_400(organization: Organization, bearer: Bearer, body: Any) -> None:
    answer = bearer(owner_of(organization)).post(
        f"/team/organizations/{organization.pk}/transfer-ownership", body, format="json"
    )

    assert answer.status_code == 400


def test_repeated_transfer_by_key_gets_the_first_answer(organization: Organization, bearer: Bearer) -> None:
    heir = factories.member(organization, Role.VIEWER)
    client = bearer(owner_of(organization))

    answers = [
        client.post(
            f"/team/organizations/{organization.pk}/transfer-ownership",
            {"user_id": heir.pk},
            format="json",
            headers={"Idempotency-Key": "once"},
        ).status_code
        for _ in range(2)
    ]

    # The second time the caller is no owner any more: the role is asked first.
    assert answers == [204, 403]


# Services


def test_actor_who_was_removed_meanwhile_changes_nothing(organization: Organization) -> None:
    admin, member = factories.member(organization, Role.ADMIN), factories.member(organization, Role.VIEWER)
    seat = Membership.objects.get(user=member)
    assert admin.has_perm("teams.manage_members", organization)  # what the request has read stays read
    Membership.objects.filter(user=admin).delete()

    with pytest.raises(Exception, match="does not let you") as refusal:
        members.change_role(membership=seat, role=Role.AGENT, actor=admin)

    assert refusal.type.__name__ == "Forbidden"
    assert role_of(organization, member) == Role.VIEWER


def test_member_who_is_gone_is_not_found(organization: Organization) -> None:
    member = factories.member(organization)
    seat = Membership.objects.get(user=member)
    members.remove(membership=seat, actor=None)

    with pytest.raises(Exception, match="Not found") as refusal:
        members.remove(membership=Membership(pk=seat.pk or 1, organization=organization, user=member))

    assert refusal.type.__name__ == "NotFound"
