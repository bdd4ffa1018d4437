"""Passwords, changed and reset through the API."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from chatboost.core.models import Mail
from teams.models import Organization, User
from tests import factories
from tests.teams.conftest import PASSWORD, with_token

pytestmark = pytest.mark.django_db

SignIn = Callable[[User], dict[str, str]]
Bearer = Callable[[User], APIClient]


NEW_PASSWORD = "another good secret"


def test_password_change_ends_every_session_and_opens_the_new_password(
    organization: Organization, bearer: Bearer
) -> None:
    user = factories.member(organization)
    client, other = bearer(user), bearer(user)

    answer = client.post(
        "/auth/password/change", {"current_password": PASSWORD, "new_password": NEW_PASSWORD}, format="json"
    )

    assert answer.status_code == 204
    assert [client.get("/auth/me").status_code, other.get("/auth/me").status_code] == [401, 401]
    signed_in = APIClient().post(
        "/auth/token", {"email": user.email, "password": NEW_PASSWORD}, format="json"
    )
    assert signed_in.status_code == 200


@pytest.mark.parametrize(
    ("current", "new", "code", "field"),
    [
        ("wrong", NEW_PASSWORD, "wrong_password", "current_password"),
        (PASSWORD, "short", "weak_password", "new_password"),
    ],
)
def test_password_change_refused_answers_400_and_keeps_the_session(
    organization: Organization, bearer: Bearer, current: str, new: str, code: str, field: str
) -> None:
    client = bearer(factories.member(organization))

    answer = client.post(
        "/auth/password/change/", {"current_password": current, "new_password": new}, format="json"
    )

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert field in answer.json()["errors"]
    assert client.get("/auth/me").status_code == 200


def test_password_change_guessing_is_limited(organization: Organization, bearer: Bearer) -> None:
    client = bearer(factories.member(organization))
    guess = {"current_password": "guess", "new_password": NEW_PASSWORD}

    statuses = [client.post("/auth/password/change", guess, format="json").status_code for _ in range(6)]

    assert statuses == [400] * 5 + [429]


def reset_key() -> str:
    body = Mail.objects.latest("id").text
    return body.split("/key/")[1].split("/")[0]


def test_password_reset_by_mail_sets_a_new_password(organization: Organization, sign_in: SignIn) -> None:
    user = factories.member(organization)
    pair = sign_in(user)

    asked = APIClient().post("/auth/password/reset", {"email": user.email}, format="json")
    done = APIClient().post(
        "/auth/password/reset", {"key": reset_key(), "password": NEW_PASSWORD}, format="json"
    )

    assert (asked.status_code, done.status_code) == (202, 204)
    assert with_token(pair["access_token"]).get("/auth/me").status_code == 401
    answer = APIClient().post("/auth/token", {"email": user.email, "password": NEW_PASSWORD}, format="json")
    assert answer.status_code == 200


def test_password_reset_of_unknown_address_answers_the_same() -> None:
    answer = APIClient().post("/auth/password/reset", {"email": "nobody@example.com"}, format="json")

    assert (answer.status_code, answer.content) == (202, b"")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"key": "1-nonsense", "password": NEW_PASSWORD}, "invalid_reset_key"),
        ({"key": "é", "password": NEW_PASSWORD}, "invalid_reset_key"),
        ({"key": "1-nonsense"}, "validation_failed"),
        ({"email": "a@example.com", "password": NEW_PASSWORD}, "validation_failed"),
        ({}, "validation_failed"),
    ],
)
def test_password_reset_malformed_answers_400(body: dict[str, str], code: str) -> None:
    answer = APIClient().post("/auth/password/reset", body, format="json")

    assert (answer.status_code, answer.json()["code"]) == (400, code)
