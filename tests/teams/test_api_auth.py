"""`/auth`: registration, tokens, passwords, and who one is."""

import json
import time
from collections.abc import Callable

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.conf import settings
from rest_framework.test import APIClient

from chatboost.core.models import Mail
from teams.models import Organization, User
from teams.roles import Role
from tests import factories
from tests.teams.conftest import PASSWORD, with_token

pytestmark = pytest.mark.django_db

SignIn = Callable[[User], dict[str, str]]
Bearer = Callable[[User], APIClient]

REGISTRATION = {"email": "Ada@Example.com", "password": "a long enough secret", "name": "Ada Lovelace"}


# Registration


@pytest.mark.parametrize("path", ["/auth/register", "/auth/register/"])
def test_register_new_person_creates_user_with_own_organization(path: str) -> None:
    answer = APIClient().post(path, REGISTRATION, format="json")

    body = answer.json()
    assert answer.status_code == 201
    assert body["email"] == "ada@example.com"
    assert body["name"] == "Ada Lovelace"
    assert body["organization"]["name"] == "Ada Lovelace"
    assert body["organization"]["role"] == "owner"
    assert body["organizations"] == [body["organization"]]
    assert "password" not in body


def test_register_with_company_names_organization_after_it() -> None:
    answer = APIClient().post(
        "/auth/register", REGISTRATION | {"organization_name": "Engines Ltd"}, format="json"
    )

    assert answer.json()["organization"]["slug"] == "engines-ltd"


@pytest.mark.parametrize("field", ["name", "organization_name"])
@pytest.mark.parametrize(
    "name", ["Ada\nPay now", "Ada\r\nBcc: x", "Ada\x1b[2J", "Ada\u2028Pay now", "Ada\x85Pay now"]
)
def test_register_name_of_several_lines_answers_400(field: str, name: str) -> None:
    answer = APIClient().post("/auth/register", REGISTRATION | {field: name}, format="json")

    assert answer.status_code == 400
    assert field in answer.json()["errors"]
    assert not User.objects.exists()


def test_register_sends_verification_mail_without_a_cookie() -> None:
    answer = APIClient().post("/auth/register", REGISTRATION, format="json")

    assert Mail.objects.get().to == "ada@example.com"
    assert not answer.cookies


def test_register_then_token_signs_in() -> None:
    APIClient().post("/auth/register", REGISTRATION, format="json")

    answer = APIClient().post(
        "/auth/token", {k: REGISTRATION[k] for k in ("email", "password")}, format="json"
    )

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("password", "field"),
    [("short", "password"), ("password1234", "password"), ("ada@example.com", "password"), ("", "password")],
)
def test_register_weak_password_answers_400_beside_the_field(password: str, field: str) -> None:
    answer = APIClient().post("/auth/register", REGISTRATION | {"password": password}, format="json")

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert field in answer.json()["errors"]
    assert not User.objects.exists()


def test_register_taken_email_in_other_case_answers_400() -> None:
    factories.user(email="ada@example.com")

    answer = APIClient().post("/auth/register", REGISTRATION, format="json")

    assert (answer.status_code, answer.json()["code"]) == (400, "email_taken")
    assert User.objects.count() == 1


def test_register_closed_installation_answers_403(settings) -> None:
    settings.REGISTRATION_OPEN = False

    answer = APIClient().post("/auth/register", REGISTRATION, format="json")

    assert (answer.status_code, answer.json()["code"]) == (403, "registration_closed")


@pytest.mark.parametrize("key", ["is_staff", "is_superuser", "id", "role", "organization"])
def test_register_foreign_key_in_body_answers_400(key: str) -> None:
    answer = APIClient().post("/auth/register", REGISTRATION | {key: 1}, format="json")

    assert answer.status_code == 400
    assert not User.objects.exists()


def test_register_flood_answers_429_with_retry_after() -> None:
    statuses = [APIClient().post("/auth/register", {}, format="json").status_code for _ in range(20)]
    last = APIClient().post("/auth/register", {}, format="json")

    assert set(statuses) == {400}
    assert (last.status_code, last.json()["code"]) == (429, "rate_limited")
    assert int(last["Retry-After"]) > 0


# Sign-in


@pytest.mark.parametrize("path", ["/auth/token", "/auth/token/"])
@pytest.mark.parametrize("name", ["email", "username"])
@pytest.mark.parametrize("format", ["json", "form"])
def test_token_right_password_answers_pair(path: str, name: str, format: str) -> None:
    user = factories.user()
    body = {name: user.email.upper(), "password": PASSWORD}
    client = APIClient()

    if format == "json":
        answer = client.post(path, body, format="json")
    else:
        form = (
            "&".join(f"{key}={value.replace(' ', '+')}" for key, value in body.items())
            + "&grant_type=password&scope="
        )
        answer = client.generic("POST", path, form, content_type="application/x-www-form-urlencoded")

    pair = answer.json()
    assert answer.status_code == 200
    assert set(pair) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (pair["token_type"], pair["expires_in"]) == ("bearer", settings.ACCESS_TOKEN_EXPIRE_MINUTES * 60)
    assert not answer.cookies


@pytest.mark.parametrize(
    "credentials",
    [
        {"email": "person@example.com", "password": "wrong"},
        {"email": "nobody@example.com", "password": PASSWORD},
        {"username": "not an address", "password": PASSWORD},
    ],
)
def test_token_wrong_credentials_answer_401_in_one_shape(credentials: dict[str, str]) -> None:
    factories.user(email="person@example.com")

    answer = APIClient().post("/auth/token", credentials, format="json")

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"password": PASSWORD},
        {"email": "a@example.com"},
        {"email": "a@example.com", "username": "b@example.com", "password": "x"},
        {"email": "a@example.com", "password": "x", "extra": 1},
        {"email": ["a@example.com"], "password": {"$ne": ""}},
        {"email": "a\x00@example.com", "password": "x"},
        [],
        "text",
        None,
    ],
)
def test_token_malformed_body_answers_400(body: object) -> None:
    answer = APIClient().generic("POST", "/auth/token", json.dumps(body), content_type="application/json")

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


def test_token_sixth_failure_on_one_account_answers_429_even_to_the_right_password() -> None:
    user = factories.user()
    wrong = {"email": user.email, "password": "wrong"}

    failures = [APIClient().post("/auth/token", wrong, format="json").status_code for _ in range(5)]
    locked = APIClient().post("/auth/token", {"email": user.email, "password": PASSWORD}, format="json")

    assert failures == [401] * 5
    assert (locked.status_code, locked.json()["code"]) == (429, "rate_limited")
    assert int(locked["Retry-After"]) > 60


def test_token_lockout_of_one_account_leaves_others_alone() -> None:
    locked, other = factories.user(), factories.user()
    for _ in range(5):
        APIClient().post("/auth/token", {"email": locked.email, "password": "wrong"}, format="json")

    answer = APIClient().post("/auth/token", {"email": other.email, "password": PASSWORD}, format="json")

    assert answer.status_code == 200


def test_token_inactive_user_answers_401() -> None:
    user = factories.user(is_active=False)

    answer = APIClient().post("/auth/token", {"email": user.email, "password": PASSWORD}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (401, "account_inactive")


def test_token_with_stale_bearer_in_the_header_still_signs_in() -> None:
    user = factories.user()

    answer = with_token("stale").post(
        "/auth/token", {"email": user.email, "password": PASSWORD}, format="json"
    )

    assert answer.status_code == 200


def test_token_get_answers_405_problem() -> None:
    answer = APIClient().get("/auth/token")

    assert answer.status_code == 405
    assert answer["Content-Type"] == "application/problem+json"


# Second factor


def with_second_factor(user: User) -> str:
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(user, secret)
    return secret


def current_code(secret: str) -> str:
    return totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30))


def first_step(user: User) -> dict[str, object]:
    return APIClient().post("/auth/token", {"email": user.email, "password": PASSWORD}, format="json").json()


def test_token_with_second_factor_answers_401_and_opens_the_step() -> None:
    user = factories.user()
    with_second_factor(user)

    body = first_step(user)

    assert (body["status"], body["code"]) == (401, "mfa_required")
    assert body["mfa_token"]
    assert "access_token" not in body


def test_second_step_right_code_answers_pair_that_works() -> None:
    user = factories.user()
    factories.organization(owner=user)
    secret = with_second_factor(user)
    token = first_step(user)["mfa_token"]

    answer = APIClient().post(
        "/auth/token/mfa", {"mfa_token": token, "code": current_code(secret)}, format="json"
    )

    assert answer.status_code == 200
    assert with_token(answer.json()["access_token"]).get("/auth/me").json()["id"] == user.pk


def test_second_step_wrong_code_answers_401() -> None:
    user = factories.user()
    with_second_factor(user)
    token = first_step(user)["mfa_token"]

    answer = APIClient().post("/auth/token/mfa", {"mfa_token": token, "code": "000000"}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_code")


@pytest.mark.parametrize("token", ["nonsense", "x" * 32])
def test_second_step_unknown_token_answers_401(token: str) -> None:
    answer = APIClient().post("/auth/token/mfa", {"mfa_token": token, "code": "123456"}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_mfa_token")


def test_second_step_token_is_no_session_for_the_api() -> None:
    user = factories.user()
    with_second_factor(user)
    client = APIClient()
    client.cookies["sessionid"] = str(first_step(user)["mfa_token"])

    assert client.get("/auth/me").status_code == 401


def test_second_factor_secret_is_encrypted_at_rest(settings) -> None:
    settings.MFA_ADAPTER = "teams.accounts.MFAAdapter"
    user = factories.user()
    secret = with_second_factor(user)

    assert secret not in json.dumps(Authenticator.objects.get(user=user).data)


# Which organization


def test_me_member_of_several_without_header_names_none(
    organization: Organization, other_organization: Organization, bearer: Bearer
) -> None:
    user = factories.member(organization)
    factories.organizations.add_member(organization=other_organization, user=user, role=Role.VIEWER)

    body = bearer(user).get("/auth/me").json()

    assert body["organization"] is None
    assert [(seat["slug"], seat["role"]) for seat in body["organizations"]] == [
        ("acme", "editor"),
        ("globex", "viewer"),
    ]
    assert body["permissions"] == []


def test_me_header_chooses_the_organization(
    organization: Organization, other_organization: Organization, bearer: Bearer
) -> None:
    user = factories.member(organization)
    factories.organizations.add_member(organization=other_organization, user=user, role=Role.VIEWER)

    body = bearer(user).get("/auth/me", headers={"X-Organization": "globex"}).json()

    assert body["organization"]["role"] == "viewer"


def test_users_member_of_several_sees_those_of_all_or_of_the_one_they_name(
    organization: Organization, other_organization: Organization, bearer: Bearer
) -> None:
    user = factories.member(organization)
    factories.organizations.add_member(organization=other_organization, user=user, role=Role.VIEWER)
    stranger = factories.member(factories.organization())
    client = bearer(user)

    def seen(**headers: str) -> dict[str, list[str]]:
        rows = client.get("/auth/users", headers=headers).json()["results"]
        return {
            slug: [row["email"] for row in rows if row["organization"] == slug] for slug in ("acme", "globex")
        }

    everybody = seen()

    assert [len(emails) for emails in everybody.values()] == [2, 2]
    assert all(user.email in emails and stranger.email not in emails for emails in everybody.values())
    assert seen(**{"X-Organization": "globex"}) == {"acme": [], "globex": everybody["globex"]}


def test_users_of_nobodys_organization_answers_400(bearer: Bearer) -> None:
    answer = bearer(factories.user()).get("/auth/users")

    assert (answer.status_code, answer.json()["code"]) == (400, "organization_required")


def test_users_by_a_key_are_its_own_organizations(
    organization: Organization, other_organization: Organization, api_for: Callable[..., APIClient]
) -> None:
    rows = api_for(organization).get("/auth/users").json()["results"]
    without = api_for(organization, scopes=["teams.view_organization"]).get("/auth/users")

    assert {row["organization"] for row in rows} == {"acme"}
    assert without.status_code == 403


def test_header_naming_a_foreign_organization_answers_404(
    organization: Organization, other_organization: Organization, bearer: Bearer
) -> None:
    answer = bearer(factories.member(organization)).get("/auth/me", headers={"X-Organization": "globex"})

    assert (answer.status_code, answer.json()["code"]) == (404, "organization_not_found")


def test_users_lists_members_of_the_own_organization_only(
    organization: Organization, other_organization: Organization, bearer: Bearer
) -> None:
    viewer = factories.member(organization, Role.VIEWER)
    stranger = factories.member(other_organization)

    body = bearer(viewer).get("/auth/users", {"page_size": 1}).json()
    everyone = bearer(viewer).get("/auth/users/").json()["results"]

    assert (body["count"], len(body["results"])) == (2, 1)
    assert {row["email"] for row in everyone} >= {viewer.email}
    assert stranger.email not in {row["email"] for row in everyone}


def test_users_search_finds_by_name(organization: Organization, api: APIClient) -> None:
    User.objects.filter(pk=factories.member(organization).pk).update(name="Grace Hopper")

    rows = api.get("/auth/users", {"search": "hopper"}).json()["results"]

    assert [row["name"] for row in rows] == ["Grace Hopper"]


def test_me_with_api_key_describes_the_key(
    organization: Organization, api_for: Callable[..., APIClient]
) -> None:
    body = api_for(organization, role=Role.ADMIN, scopes=["teams.view_membership"]).get("/auth/me").json()

    assert body["id"] is None
    assert body["organization"]["slug"] == "acme"
    assert body["permissions"] == ["teams.view_membership"]
