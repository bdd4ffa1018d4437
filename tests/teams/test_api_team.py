"""`/team`: organizations, members, roles, permissions and API keys."""

import itertools
from collections.abc import Callable
from datetime import timedelta

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from chatboost.core import clock
from teams.models import ApiKey, Membership, Organization, User
from teams.roles import Role
from teams.services import organizations
from tests import factories

pytestmark = pytest.mark.django_db

Bearer = Callable[[User], APIClient]
ApiFor = Callable[..., APIClient]


# Organizations


@pytest.mark.parametrize("path", ["/team/organizations", "/team/organizations/"])
def test_organization_create_makes_the_caller_its_owner(path: str, bearer: Bearer) -> None:
    user = factories.user()

    answer = bearer(user).post(path, {"name": "Umbrella", "time_zone": "Asia/Karachi"}, format="json")

    assert answer.status_code == 201
    assert (answer.json()["slug"], answer.json()["time_zone"]) == ("umbrella", "Asia/Karachi")
    assert Membership.objects.get(organization_id=answer.json()["id"]).role == Role.OWNER


def test_organization_create_of_a_taken_name_gets_another_slug(
    organization: Organization, bearer: Bearer
) -> None:
    body = bearer(factories.user()).post("/team/organizations", {"name": "Acme"}, format="json").json()

    assert body["slug"].startswith("acme-")


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "validation_failed", "name"),
        ({"name": ""}, "validation_failed", "name"),
        ({"name": "x" * 121}, "validation_failed", "name"),
        ({"name": "A", "slug": "acme"}, "slug_taken", "slug"),
        ({"name": "A", "slug": "no spaces"}, "validation_failed", "slug"),
        ({"name": "A", "time_zone": "Mars/Olympus"}, "invalid_time_zone", "time_zone"),
        ({"name": "A", "time_zone": "localtime"}, "invalid_time_zone", "time_zone"),
        ({"name": "A", "time_zone": "../../etc/passwd"}, "invalid_time_zone", "time_zone"),
        ({"name": "A", "language": "klingon!"}, "invalid_language", "language"),
        ({"name": "A", "is_active": False}, "validation_failed", "is_active"),
    ],
)
def test_organization_create_refused_answers_400_beside_the_field(
    organization: Organization, bearer: Bearer, body: dict[str, object], code: str, field: str
) -> None:
    answer = bearer(factories.user()).post("/team/organizations", body, format="json")

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert field in answer.json()["errors"]


def test_organization_create_beyond_what_a_person_may_own_answers_409(
    bearer: Bearer, settings: Settings
) -> None:
    settings.ORGANIZATIONS_PER_OWNER = 2
    user = factories.user()
    client = bearer(user)

    answers = [
        client.post("/team/organizations", {"name": f"No {number}"}, format="json") for number in range(3)
    ]

    assert [answer.status_code for answer in answers] == [201, 201, 409]
    assert answers[2].json()["code"] == "limit_reached"
    # Whoever runs the installation may open more; and what others own counts for them alone.
    assert factories.organization(owner=user)
    assert (
        bearer(factories.user()).post("/team/organizations", {"name": "New"}, format="json").status_code
        == 201
    )


def test_organization_create_by_api_key_answers_403(api: APIClient) -> None:
    answer = api.post("/team/organizations", {"name": "Mine"}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (403, "user_required")


@pytest.mark.parametrize("slash", ["", "/"])
def test_organization_details_for_a_viewer(organization: Organization, bearer: Bearer, slash: str) -> None:
    viewer = factories.member(organization, Role.VIEWER)

    answer = bearer(viewer).get(f"/team/organizations/{organization.pk}{slash}")

    assert answer.json()["name"] == "Acme"
    assert set(answer.json()) == {"id", "name", "slug", "time_zone", "language", "second_step", "created_at"}


def test_organization_update_by_admin_changes_it_and_keeps_the_slug(
    organization: Organization, bearer: Bearer
) -> None:
    admin = factories.member(organization, Role.ADMIN)
    body = {"name": "Acme Corp", "time_zone": "Europe/Berlin", "slug": "stolen"}

    answer = bearer(admin).put(f"/team/organizations/{organization.pk}", body, format="json")

    organization.refresh_from_db()
    assert answer.status_code == 200
    assert (organization.name, organization.time_zone, organization.slug) == (
        "Acme Corp",
        "Europe/Berlin",
        "acme",
    )
    assert organization.language == "en"


@pytest.mark.parametrize("role", [Role.EDITOR, Role.AGENT, Role.VIEWER])
def test_organization_update_below_admin_answers_403(
    organization: Organization, bearer: Bearer, role: str
) -> None:
    answer = bearer(factories.member(organization, role)).put(
        f"/team/organizations/{organization.pk}", {"name": "Mine"}, format="json"
    )

    organization.refresh_from_db()
    assert answer.status_code == 403
    assert organization.name == "Acme"


@pytest.mark.parametrize("suffix", ["", "/members"])
@pytest.mark.parametrize("method", ["get", "put", "post", "delete", "options"])
def test_foreign_organization_answers_404_or_405(
    organization: Organization, other_organization: Organization, bearer: Bearer, method: str, suffix: str
) -> None:
    client = bearer(factories.member(organization, Role.OWNER))

    answer = getattr(client, method)(
        f"/team/organizations/{other_organization.pk}{suffix}", {}, format="json"
    )

    assert answer.status_code in {404, 405}
    assert other_organization.name not in answer.content.decode()


def test_path_decides_not_the_header(
    organization: Organization, other_organization: Organization, bearer: Bearer
) -> None:
    user = factories.member(organization, Role.OWNER)
    organizations.add_member(organization=other_organization, user=user, role=Role.VIEWER)

    answer = bearer(user).put(
        f"/team/organizations/{other_organization.pk}",
        {"name": "Mine"},
        format="json",
        headers={"X-Organization": organization.slug},
    )

    assert answer.status_code == 403


def test_member_of_several_needs_no_header_for_a_path(
    organization: Organization, other_organization: Organization, bearer: Bearer
) -> None:
    user = factories.member(organization)
    organizations.add_member(organization=other_organization, user=user, role=Role.VIEWER)

    answer = bearer(user).get(f"/team/organizations/{other_organization.pk}")

    assert answer.json()["slug"] == "globex"


@pytest.mark.parametrize("number", ["0", "999999999999999999", "9999999999999999999", "abc", "-1", "1.0"])
def test_organization_odd_id_answers_404(organization: Organization, bearer: Bearer, number: str) -> None:
    answer = bearer(factories.member(organization)).get(f"/team/organizations/{number}")

    assert answer.status_code == 404


def test_inactive_organization_is_gone(organization: Organization, bearer: Bearer) -> None:
    client = bearer(factories.member(organization, Role.OWNER))
    Organization.objects.filter(pk=organization.pk).update(is_active=False)

    assert client.get(f"/team/organizations/{organization.pk}").status_code == 404
    assert client.get("/team/my-organizations").json()["results"] == []


@pytest.mark.parametrize("slash", ["", "/"])
def test_members_lists_roles_by_page(
    organization: Organization, other_organization: Organization, bearer: Bearer, slash: str
) -> None:
    viewer = factories.member(organization, Role.VIEWER)
    factories.member(other_organization)

    body = bearer(viewer).get(f"/team/organizations/{organization.pk}/members{slash}").json()

    assert body["count"] == 2
    assert [row["role"] for row in body["results"]] == ["owner", "viewer"]
    assert set(body["results"][0]) == {"id", "email", "name", "is_active", "role", "joined_at"}


def test_members_costs_the_same_queries_for_any_number(
    organization: Organization, api: APIClient, django_assert_num_queries: Callable[..., object]
) -> None:
    for _ in range(5):
        factories.member(organization)
    api.get("/auth/me")

    # Key, count, page.
    with django_assert_num_queries(3):
        api.get(f"/team/organizations/{organization.pk}/members")


def test_my_organizations_by_name_with_role(
    organization: Organization, other_organization: Organization, bearer: Bearer
) -> None:
    user = factories.member(other_organization, Role.VIEWER)
    organizations.add_member(organization=organization, user=user, role=Role.AGENT)

    body = bearer(user).get("/team/my-organizations/").json()

    assert body["count"] == 2
    assert [(row["slug"], row["role"]) for row in body["results"]] == [
        ("acme", "agent"),
        ("globex", "viewer"),
    ]


def test_my_organizations_of_api_key_is_its_own(organization: Organization, api: APIClient) -> None:
    assert [row["slug"] for row in api.get("/team/my-organizations").json()["results"]] == ["acme"]


# Permissions and roles


@pytest.mark.parametrize(
    ("role", "is_allowed"),
    [(Role.OWNER, True), (Role.ADMIN, True), (Role.EDITOR, False), (Role.VIEWER, False)],
)
def test_permission_check_answers_by_role(
    organization: Organization, bearer: Bearer, role: str, is_allowed: bool
) -> None:
    client = bearer(factories.member(organization, role))

    body = client.get("/team/permissions/check", {"permission": "teams.manage_keys"}).json()

    assert body == {"permission": "teams.manage_keys", "is_allowed": is_allowed, "role": role}


@pytest.mark.parametrize("query", [{}, {"permission": ""}, {"permission": "teams.fly"}])
def test_permission_check_of_unknown_permission_answers_400(api: APIClient, query: dict[str, str]) -> None:
    answer = api.get("/team/permissions/check", query)

    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_permission")


def test_permission_check_without_choice_answers_400(
    organization: Organization, other_organization: Organization, bearer: Bearer
) -> None:
    user = factories.member(organization)
    organizations.add_member(organization=other_organization, user=user, role=Role.VIEWER)

    answer = bearer(user).get("/team/permissions/check", {"permission": "teams.manage_keys"})

    assert (answer.status_code, answer.json()["code"]) == (400, "organization_required")


def test_roles_each_holds_what_the_one_below_holds(api: APIClient) -> None:
    rows = api.get("/team/roles").json()["results"]

    assert [row["role"] for row in rows] == ["owner", "admin", "editor", "agent", "viewer"]
    held = [set(row["permissions"]) for row in rows]
    assert all(higher >= lower for higher, lower in itertools.pairwise(held))
    assert "teams.delete_organization" in held[0] - held[1]


# API keys


@pytest.mark.parametrize("path", ["/team/api-keys", "/team/api-keys/"])
def test_api_key_create_shows_the_text_once_and_it_works(
    organization: Organization, bearer: Bearer, path: str
) -> None:
    admin = factories.member(organization, Role.ADMIN)
    client = bearer(admin)

    made = client.post(path, {"name": "CI", "role": "viewer"}, format="json")
    text = made.json()["key"]
    holder = APIClient()
    holder.credentials(HTTP_AUTHORIZATION=f"Api-Key {text}")

    assert made.status_code == 201
    assert made.json()["created_by"] == admin.pk
    assert holder.get("/auth/me").json()["organization"]["role"] == "viewer"
    later = client.get(f"{path.rstrip('/')}/{made.json()['id']}")
    secret = text.split("_")[2]
    assert "key" not in later.json()
    assert secret not in later.content.decode() + client.get(path).content.decode()
    assert secret not in ApiKey.objects.get().secret_hash


def test_api_key_delete_revokes_at_once(organization: Organization, bearer: Bearer) -> None:
    client = bearer(factories.member(organization, Role.ADMIN))
    made = client.post("/team/api-keys", {"name": "CI"}, format="json").json()
    holder = APIClient()
    holder.credentials(HTTP_AUTHORIZATION=f"Api-Key {made['key']}")
    assert holder.get("/auth/me").status_code == 200

    answers = [client.delete(f"/team/api-keys/{made['id']}/").status_code for _ in range(2)]

    assert answers == [204, 204]
    assert holder.get("/auth/me").status_code == 401
    assert client.get("/team/api-keys").json()["results"][0]["revoked_at"]


@pytest.mark.parametrize("method", ["get", "delete"])
def test_foreign_api_key_answers_404(
    organization: Organization, other_organization: Organization, api: APIClient, api_for: ApiFor, method: str
) -> None:
    api_for(other_organization)
    foreign = ApiKey.objects.get(organization=other_organization)

    answer = getattr(api, method)(f"/team/api-keys/{foreign.pk}")

    foreign.refresh_from_db()
    assert answer.status_code == 404
    assert foreign.revoked_at is None


def test_api_keys_lists_the_own_organization_only(
    organization: Organization, other_organization: Organization, api: APIClient, api_for: ApiFor
) -> None:
    api_for(other_organization)

    body = api.get("/team/api-keys").json()

    assert body["count"] == 1


@pytest.mark.parametrize("role", [Role.EDITOR, Role.AGENT, Role.VIEWER])
@pytest.mark.parametrize("method", ["get", "post"])
def test_api_keys_below_admin_answer_403(
    organization: Organization, bearer: Bearer, role: str, method: str
) -> None:
    client = bearer(factories.member(organization, role))

    assert getattr(client, method)("/team/api-keys", {"name": "x"}, format="json").status_code == 403


def test_api_key_beyond_the_makers_role_answers_403(organization: Organization, bearer: Bearer) -> None:
    client = bearer(factories.member(organization, Role.ADMIN))

    answer = client.post("/team/api-keys", {"name": "x", "role": "owner"}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (403, "beyond_your_role")
    assert not ApiKey.objects.exists()


def test_scoped_key_cannot_make_a_key_without_scopes(organization: Organization, api_for: ApiFor) -> None:
    narrow = api_for(organization, role=Role.ADMIN, scopes=["teams.manage_keys"])

    answer = narrow.post("/team/api-keys", {"name": "wide", "role": "admin"}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (403, "beyond_your_role")


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "validation_failed", "name"),
        ({"name": "x", "role": "emperor"}, "validation_failed", "role"),
        ({"name": "x", "scopes": ["teams.fly"]}, "unknown_scope", "scopes"),
        ({"name": "x", "role": "viewer", "scopes": ["teams.manage_keys"]}, "unknown_scope", "scopes"),
        ({"name": "x", "scopes": "teams.manage_keys"}, "validation_failed", "scopes"),
        ({"name": "x", "organization": 1}, "validation_failed", "organization"),
        ({"name": "x", "secret_hash": "0"}, "validation_failed", "secret_hash"),
        ({"name": "x", "key": "cb_a_b"}, "validation_failed", "key"),
    ],
)
def test_api_key_create_refused_answers_400_beside_the_field(
    api: APIClient, body: dict[str, object], code: str, field: str
) -> None:
    answer = api.post("/team/api-keys", body, format="json")

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert any(name.startswith(field) for name in answer.json()["errors"])


def test_api_key_expiry_in_the_past_answers_400(api: APIClient) -> None:
    past = (clock.now() - timedelta(seconds=1)).isoformat()

    answer = api.post("/team/api-keys", {"name": "x", "expires_at": past}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (400, "expiry_in_the_past")


def test_api_key_past_its_expiry_answers_401(organization: Organization, api_for: ApiFor) -> None:
    client = api_for(organization, expires_at=clock.now() + timedelta(hours=1))
    assert client.get("/auth/me").status_code == 200

    with clock.frozen(clock.now() + timedelta(hours=2)):
        assert client.get("/auth/me").status_code == 401


def test_api_key_ignores_the_organization_header(
    organization: Organization, other_organization: Organization, api: APIClient
) -> None:
    body = api.get("/auth/me", headers={"X-Organization": other_organization.slug}).json()

    assert body["organization"]["slug"] == organization.slug


def test_cookie_caller_is_about_the_chosen_organization(
    organization: Organization, other_organization: Organization
) -> None:
    user = factories.member(organization)
    organizations.add_member(organization=other_organization, user=user, role=Role.VIEWER)
    client = APIClient()
    client.force_login(user, factories.SIGN_IN)

    first = client.get("/auth/me").json()["organization"]["slug"]
    named = client.get("/auth/me", headers={"X-Organization": "globex"}).json()["organization"]["slug"]

    assert (first, named) == ("acme", "globex")
