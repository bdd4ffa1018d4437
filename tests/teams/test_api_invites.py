"""`/team/…/invitations`."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from chatboost.core import clock
from chatboost.core.models import Mail
from teams import limits
from teams.models import Invite, Membership, Organization, User
from teams.roles import Role
from teams.services import invites
from tests import factories
from tests.teams.conftest import with_token
from tests.teams.invited import ADDRESS, SECRET, ask, token_in_mail

pytestmark = pytest.mark.django_db

Bearer = Callable[[User], APIClient]
SLASHES = pytest.mark.parametrize("slash", ["", "/"])


@pytest.fixture
def admin(organization: Organization, bearer: Bearer) -> APIClient:
    return bearer(factories.member(organization, Role.ADMIN))


def path(organization: Organization) -> str:
    return f"/team/organizations/{organization.pk}/invitations"


def accept(token: str, client: APIClient | None = None, **body: Any) -> Any:
    return (client or APIClient()).post(f"/team/invitations/{token}/accept", body, format="json")


NEW = {"name": "Ada Lovelace", "password": SECRET}


# Asking


@SLASHES
def test_create_writes_an_invite_and_its_mail(
    organization: Organization, admin: APIClient, slash: str
) -> None:
    body = {"email": "Ada@Example.com", "role": "agent"}

    answer = admin.post(path(organization) + slash, body, format="json")

    row = answer.json()
    assert answer.status_code == 201
    assert (row["email"], row["role"], row["state"]) == (ADDRESS, "agent", "pending")
    assert Mail.objects.get().to == ADDRESS
    token = token_in_mail()
    assert token not in answer.content.decode()
    assert invites.key_of(token) not in answer.content.decode()


@SLASHES
def test_list_has_the_open_invites_of_the_organization(
    organization: Organization, other_organization: Organization, admin: APIClient, slash: str
) -> None:
    ask(organization, email="a@example.com")
    ask(organization, email="b@example.com")
    ask(other_organization, email="c@example.com")
    Invite.objects.filter(email="b@example.com").update(expires_at=clock.now())
    accept(ask(organization), **NEW)

    body = admin.get(path(organization) + slash).json()

    assert [(row["email"], row["state"]) for row in body["results"]] == [
        ("b@example.com", "expired"),
        ("a@example.com", "pending"),
    ]


def test_list_costs_the_same_queries_for_any_number(
    organization: Organization, admin: APIClient, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        ask(organization, email=f"p{number}@example.com")

    with django_assert_max_num_queries(8):
        assert admin.get(path(organization)).json()["count"] == 12


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "validation_failed"),
        ({"email": "no address"}, 400, "validation_failed"),
        ({"email": 7}, 400, "validation_failed"),
        ({"email": ["a@example.com"]}, 400, "validation_failed"),
        ({"email": ADDRESS, "role": "emperor"}, 400, "validation_failed"),
        ({"email": ADDRESS, "role": 4}, 400, "validation_failed"),
        ({"email": ADDRESS, "role": None}, 400, "validation_failed"),
        ({"email": ADDRESS, "organization": 1}, 400, "validation_failed"),
        ({"email": ADDRESS, "expires_at": "2099-01-01T00:00:00Z"}, 400, "validation_failed"),
        ({"email": ADDRESS, "token": "x"}, 400, "validation_failed"),
        ({"email": ADDRESS, "is_staff": True}, 400, "validation_failed"),
        ({"email": ADDRESS, "role": "owner"}, 403, "beyond_your_role"),
        ([], 400, "validation_failed"),
    ],
)
def test_create_refused_writes_nothing(
    organization: Organization, admin: APIClient, body: Any, status: int, code: str
) -> None:
    answer = admin.post(path(organization), body, format="json")

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Invite.objects.exists()
    assert not Mail.objects.exists()


def test_create_of_whom_one_has_already_answers_409(organization: Organization, admin: APIClient) -> None:
    member = factories.member(organization)
    ask(organization)
    limits.set_value(organization=organization, name="members", value=3, actor=None)

    codes = [
        admin.post(path(organization), {"email": email}, format="json").json()["code"]
        for email in (member.email, ADDRESS, "new@example.com")
    ]

    assert codes == ["already_member", "already_invited", "limit_reached"]


def test_known_and_unknown_addresses_get_the_same_answer(
    organization: Organization, other_organization: Organization, admin: APIClient
) -> None:
    stranger = factories.member(other_organization)

    answers = [
        admin.post(path(organization), {"email": email}, format="json")
        for email in (stranger.email, "nobody@example.com")
    ]

    varying = {"id", "email", "created_at", "sent_at", "expires_at"}
    known, unknown = ({k: v for k, v in each.json().items() if k not in varying} for each in answers)
    assert known == unknown
    assert {each.status_code for each in answers} == {201}


@pytest.mark.parametrize("role", [Role.EDITOR, Role.AGENT, Role.VIEWER])
def test_below_admin_answers_403(organization: Organization, bearer: Bearer, role: str) -> None:
    client = bearer(factories.member(organization, role))
    ask(organization)
    number = Invite.objects.get().pk

    statuses = [
        client.get(path(organization)).status_code,
        client.post(path(organization), {"email": "b@example.com"}, format="json").status_code,
        client.post(f"/team/invitations/{number}/resend").status_code,
        client.delete(f"/team/invitations/{number}/revoke").status_code,
    ]

    assert statuses == [403] * 4


def test_foreign_organization_and_its_invites_answer_404(
    organization: Organization, other_organization: Organization, admin: APIClient
) -> None:
    ask(other_organization)
    number = Invite.objects.get().pk

    statuses = [
        admin.get(path(other_organization)).status_code,
        admin.post(path(other_organization), {"email": "b@example.com"}, format="json").status_code,
        admin.post(f"/team/invitations/{number}/resend").status_code,
        admin.delete(f"/team/invitations/{number}/revoke").status_code,
    ]

    assert statuses == [404] * 4
    assert Invite.objects.get().state == "pending"


def test_key_of_an_admin_may_invite(organization: Organization, api: APIClient) -> None:
    answer = api.post(path(organization), {"email": ADDRESS}, format="json")

    assert (answer.status_code, answer.json()["invited_by"]) == (201, None)


def test_repeated_create_with_a_key_makes_one_invite(organization: Organization, admin: APIClient) -> None:
    answers = [
        admin.post(path(organization), {"email": ADDRESS}, format="json", headers={"Idempotency-Key": "one"})
        for _ in range(2)
    ]

    assert {answer.status_code for answer in answers} == {201}
    assert Mail.objects.count() == 1


# Sending again, taking back


@SLASHES
def test_resend_answers_the_invite_with_its_new_expiry(
    organization: Organization, admin: APIClient, slash: str
) -> None:
    old = ask(organization)
    Invite.objects.update(expires_at=clock.now() - timedelta(days=1))

    answer = admin.post(f"/team/invitations/{Invite.objects.get().pk}/resend{slash}")

    assert (answer.status_code, answer.json()["state"]) == (200, "pending")
    assert accept(old, **NEW).status_code == 404
    assert accept(token_in_mail(), **NEW).status_code == 201


def test_resend_too_often_answers_429(organization: Organization, admin: APIClient) -> None:
    ask(organization)
    url = f"/team/invitations/{Invite.objects.get().pk}/resend"

    answers = [admin.post(url) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [200] * 4 + [429]
    assert int(answers[-1]["Retry-After"]) > 0


@SLASHES
def test_revoke_kills_the_link(organization: Organization, admin: APIClient, slash: str) -> None:
    token = ask(organization)
    url = f"/team/invitations/{Invite.objects.get().pk}/revoke{slash}"

    assert [admin.delete(url).status_code for _ in range(2)] == [204, 204]
    answer = accept(token, **NEW)
    assert (answer.status_code, answer.json()["code"]) == (410, "invite_revoked")


def test_accepted_invite_can_be_neither(organization: Organization, admin: APIClient) -> None:
    accept(ask(organization), **NEW)
    number = Invite.objects.get().pk

    answers = [
        admin.post(f"/team/invitations/{number}/resend"),
        admin.delete(f"/team/invitations/{number}/revoke"),
    ]

    assert [(each.status_code, each.json()["code"]) for each in answers] == [(409, "invite_closed")] * 2


# Joining


@SLASHES
def test_accept_as_new_creates_the_member(organization: Organization, slash: str) -> None:
    token = ask(organization, role=Role.AGENT)

    answer = APIClient().post(f"/team/invitations/{token}/accept{slash}", NEW, format="json")

    body = answer.json()
    assert answer.status_code == 201
    assert (body["email"], body["name"]) == (ADDRESS, "Ada Lovelace")
    assert (body["organization"]["slug"], body["organization"]["role"]) == ("acme", "agent")
    assert "no-store" in answer["Cache-Control"]
    signed_in = APIClient().post("/auth/token", {"email": ADDRESS, "password": SECRET}, format="json")
    assert signed_in.status_code == 200


def test_accept_signed_in_joins(organization: Organization, bearer: Bearer) -> None:
    user = factories.user(email=ADDRESS)
    factories.organization(owner=user)

    answer = accept(ask(organization), bearer(user))

    assert (answer.status_code, answer.json()["organization"]["role"]) == (200, "editor")
    assert len(answer.json()["organizations"]) == 2


def test_accept_without_signing_in_of_a_known_address_answers_401(organization: Organization) -> None:
    factories.user(email=ADDRESS)

    answer = accept(ask(organization), **NEW)

    assert (answer.status_code, answer.json()["code"]) == (401, "sign_in_required")
    assert answer["WWW-Authenticate"] == "Bearer"


def test_accept_as_somebody_else_answers_403(organization: Organization, bearer: Bearer) -> None:
    user = factories.user()
    factories.organization(owner=user)

    answer = accept(ask(organization), bearer(user), **NEW)

    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_account")
    assert not User.objects.filter(email=ADDRESS).exists()


def test_accept_by_an_api_key_answers_403(organization: Organization, api: APIClient) -> None:
    answer = accept(ask(organization), api)

    assert (answer.status_code, answer.json()["code"]) == (403, "user_required")


def test_accept_with_a_dead_token_in_the_header_answers_401(organization: Organization) -> None:
    answer = accept(ask(organization), with_token("stale"), **NEW)

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


def test_accept_with_the_console_cookie_needs_the_csrf_token(organization: Organization) -> None:
    token = ask(organization)
    client = Client(enforce_csrf_checks=True)
    client.force_login(factories.user(email=ADDRESS), factories.SIGN_IN)

    answer = client.post(f"/team/invitations/{token}/accept", "{}", content_type="application/json")

    assert answer.status_code == 403
    assert not Membership.objects.filter(user__email=ADDRESS).exists()


@pytest.mark.parametrize(
    "token", ["x", "0", "1", "a" * 43, "é", "..", "a b", "-" * 200, "' OR 1=1 --", "%F0%9F%92%A9"]
)
def test_accept_of_no_invite_answers_404(organization: Organization, token: str) -> None:
    ask(organization)

    answer = accept(token, **NEW)

    assert (answer.status_code, answer.json()["code"]) == (404, "invite_not_found")


def test_accept_used_or_expired_answers_410(organization: Organization) -> None:
    used, expired = ask(organization), ask(organization, email="b@example.com")
    accept(used, **NEW)
    Invite.objects.filter(email="b@example.com").update(expires_at=clock.now())

    answers = [accept(used, **NEW), accept(expired, **NEW)]

    assert [(each.status_code, each.json()["code"]) for each in answers] == [
        (410, "invite_used"),
        (410, "invite_expired"),
    ]


@pytest.mark.parametrize(
    "extra",
    [
        {"email": "other@example.com"},
        {"email_verified": True},
        {"is_staff": True},
        {"is_superuser": True},
        {"is_active": False},
        {"role": "owner"},
        {"organization": 1},
        {"organization_id": 1},
        {"id": 1},
        {"pk": 1},
        {"user_id": 1},
        {"permissions": ["teams.manage_keys"]},
        {"groups": [1]},
        {"invite": {"role": "owner"}},
    ],
)
def test_accept_takes_nothing_but_name_and_password(
    organization: Organization, extra: dict[str, Any]
) -> None:
    token = ask(organization)

    answer = accept(token, **NEW, **extra)

    assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")
    assert not User.objects.filter(email=ADDRESS).exists()
    assert accept(token, **NEW).status_code == 201


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "password"),
        ({"name": "Ada"}, "password"),
        ({"password": "short"}, "password"),
        ({"password": ADDRESS}, "password"),
        ({"password": 123456789012}, "password"),
        ({"password": None}, "password"),
        ({"password": SECRET, "name": 7}, "name"),
        ({"password": SECRET, "name": "x" * 151}, "name"),
    ],
)
def test_accept_malformed_answers_400_and_uses_nothing_up(
    organization: Organization, body: dict[str, Any], field: str
) -> None:
    token = ask(organization)

    answer = accept(token, **body)

    assert answer.status_code == 400
    assert field in answer.json()["errors"]
    assert accept(token, **NEW).status_code == 201


def test_accept_by_get_uses_nothing_up(organization: Organization) -> None:
    token = ask(organization)

    assert APIClient().get(f"/team/invitations/{token}/accept").status_code == 405
    assert accept(token, **NEW).status_code == 201
