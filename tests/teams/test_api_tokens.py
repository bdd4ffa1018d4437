"""Access and refresh tokens: what is let in, what ends them."""

import base64
import time
from collections.abc import Callable

import jwt
import pytest
from django.conf import settings
from django.test import Client
from rest_framework.test import APIClient

from teams.models import Organization, User
from teams.roles import Role
from tests import factories
from tests.teams.conftest import with_token

pytestmark = pytest.mark.django_db

SignIn = Callable[[User], dict[str, str]]
Bearer = Callable[[User], APIClient]


def forged(claims: dict[str, object], *, algorithm: str = "HS256", key: str | None = None) -> str:
    """A token as an attacker or a clock might make it."""
    signing_key = settings.HEADLESS_JWT_PRIVATE_KEY if key is None else key
    return jwt.encode(claims, signing_key if algorithm != "none" else "", algorithm=algorithm)


def claims_of(token: str) -> dict[str, object]:
    return jwt.decode(token, options={"verify_signature": False})


# Access tokens


def test_me_with_bearer_describes_the_caller(organization: Organization, bearer: Bearer) -> None:
    user = factories.member(organization, Role.AGENT)

    body = bearer(user).get("/auth/me").json()

    assert (body["id"], body["email"]) == (user.pk, user.email)
    assert body["organization"]["slug"] == "acme"
    assert body["organization"]["role"] == "agent"
    assert "teams.view_organization" in body["permissions"]
    assert "teams.manage_keys" not in body["permissions"]


@pytest.mark.parametrize(
    "path", ["/auth/me", "/auth/me/", "/auth/users", "/team/my-organizations", "/team/api-keys"]
)
def test_protected_route_without_credentials_answers_401_problem(path: str) -> None:
    answer = APIClient().get(path)

    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"] == "Bearer"


GARBAGE = ["x", "a.b.c", "....", "é", "null", "Bearer", "eyJhbGciOiJub25lIn0.e30.", "\\x00", "a" * 8000]


@pytest.mark.parametrize("token", GARBAGE)
def test_bearer_garbage_answers_401_problem(token: str) -> None:
    answer = with_token(token).get("/auth/me")

    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Bearer a b", "bearer", "Basic eDp5", "Api-Key", "Api-Key cb_x_y", ""]
)
def test_authorization_header_malformed_answers_401(header: str) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=header)

    assert client.get("/auth/me").status_code == 401


def test_bearer_forgeries_answer_401(organization: Organization, sign_in: SignIn) -> None:
    user = factories.member(organization)
    claims = claims_of(sign_in(user)["access_token"])
    head, body, _ = forged(claims).split(".")
    none_head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    forgeries = [
        forged(claims, algorithm="none"),
        f"{none_head}.{body}.",
        f"{head}.{body}.",
        forged(claims, key="another key that is long enough for it"),
        forged(claims, algorithm="HS512"),
        forged(claims | {"exp": int(time.time()) - 1}),
        forged(claims | {"token_use": "refresh"}),
        forged(claims | {"sub": str(factories.user().pk)}),
        forged(claims | {"sid": "AAAA"}),
        forged(claims | {"sid": 7}),
        forged({key: value for key, value in claims.items() if key != "sid"}),
        forged(claims | {"exp": "tomorrow"}),
    ]

    assert [with_token(token).get("/auth/me").status_code for token in forgeries] == [401] * len(forgeries)
    assert with_token(forged(claims)).get("/auth/me").status_code == 200


def test_refresh_token_as_bearer_answers_401(organization: Organization, sign_in: SignIn) -> None:
    pair = sign_in(factories.member(organization))

    assert with_token(pair["refresh_token"]).get("/auth/me").status_code == 401


def test_bearer_of_user_made_inactive_answers_401(organization: Organization, bearer: Bearer) -> None:
    user = factories.member(organization)
    client = bearer(user)
    User.objects.filter(pk=user.pk).update(is_active=False)

    assert client.get("/auth/me").status_code == 401


# Refresh


@pytest.mark.parametrize("path", ["/auth/token/refresh", "/auth/token/refresh/"])
def test_refresh_answers_new_pair_that_works(path: str, organization: Organization, sign_in: SignIn) -> None:
    pair = sign_in(factories.member(organization))

    fresh = APIClient().post(path, {"refresh_token": pair["refresh_token"]}, format="json").json()

    assert fresh["refresh_token"] != pair["refresh_token"]
    assert with_token(fresh["access_token"]).get("/auth/me").status_code == 200


def test_refresh_token_used_twice_ends_the_session(organization: Organization, sign_in: SignIn) -> None:
    first = sign_in(factories.member(organization))
    second = (
        APIClient()
        .post("/auth/token/refresh", {"refresh_token": first["refresh_token"]}, format="json")
        .json()
    )

    reuse = APIClient().post("/auth/token/refresh", {"refresh_token": first["refresh_token"]}, format="json")

    assert (reuse.status_code, reuse.json()["code"]) == (401, "invalid_refresh_token")
    assert with_token(second["access_token"]).get("/auth/me").status_code == 401
    later = APIClient().post("/auth/token/refresh", {"refresh_token": second["refresh_token"]}, format="json")
    assert later.status_code == 401


def test_refresh_reuse_leaves_the_users_other_sessions(organization: Organization, sign_in: SignIn) -> None:
    user = factories.member(organization)
    stolen, other = sign_in(user), sign_in(user)
    for _ in range(2):
        APIClient().post("/auth/token/refresh", {"refresh_token": stolen["refresh_token"]}, format="json")

    assert with_token(other["access_token"]).get("/auth/me").status_code == 200


@pytest.mark.parametrize("token", ["x", "a.b.c", "", "é"])
def test_refresh_garbage_is_refused(token: str) -> None:
    answer = APIClient().post("/auth/token/refresh", {"refresh_token": token}, format="json")

    assert answer.status_code == (401 if token else 400)
    assert answer["Content-Type"] == "application/problem+json"


def test_refresh_of_access_token_answers_401(organization: Organization, sign_in: SignIn) -> None:
    pair = sign_in(factories.member(organization))

    answer = APIClient().post("/auth/token/refresh", {"refresh_token": pair["access_token"]}, format="json")

    assert answer.status_code == 401


def test_refresh_of_inactive_user_answers_401(organization: Organization, sign_in: SignIn) -> None:
    user = factories.member(organization)
    pair = sign_in(user)
    User.objects.filter(pk=user.pk).update(is_active=False)

    answer = APIClient().post("/auth/token/refresh", {"refresh_token": pair["refresh_token"]}, format="json")

    assert answer.status_code == 401


# Sign-out


@pytest.mark.parametrize("path", ["/auth/logout", "/auth/logout/"])
def test_logout_kills_access_and_refresh_token_at_once(
    path: str, organization: Organization, sign_in: SignIn
) -> None:
    pair = sign_in(factories.member(organization))
    client = with_token(pair["access_token"])

    assert client.post(path).status_code == 204
    assert client.get("/auth/me").status_code == 401
    assert client.post(path).status_code == 401
    again = APIClient().post("/auth/token/refresh", {"refresh_token": pair["refresh_token"]}, format="json")
    assert again.status_code == 401


def test_logout_leaves_other_devices_signed_in(organization: Organization, bearer: Bearer) -> None:
    user = factories.member(organization)
    phone, laptop = bearer(user), bearer(user)

    phone.post("/auth/logout")

    assert laptop.get("/auth/me").status_code == 200


def test_logout_with_cookie_ends_the_console_session(organization: Organization) -> None:
    client = APIClient()
    client.force_login(factories.member(organization), factories.SIGN_IN)

    assert client.post("/auth/logout").status_code == 204
    assert client.get("/auth/me").status_code == 401


def test_logout_with_cookie_and_no_csrf_token_answers_403(organization: Organization) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(factories.member(organization), factories.SIGN_IN)

    assert client.post("/auth/logout").status_code == 403


def test_logout_with_api_key_answers_403(api: APIClient) -> None:
    answer = api.post("/auth/logout")

    assert (answer.status_code, answer.json()["code"]) == (403, "user_required")
