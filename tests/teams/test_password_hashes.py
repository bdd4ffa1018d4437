"""Passwords at rest: argon2, and older kinds until their next use."""

from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from rest_framework.test import APIClient

from chatboost.settings import base
from teams import hashers
from teams.models import User
from tests import factories

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"

# As passlib's bcrypt scheme writes them; 4 rounds instead of 12, to be quick.
BARE = "$2b$04$3gKmNPXoOcCeLaSnMfgs9O2ns2YNiVw83ll7FX7MPe.fxzkQY1Mpy"
LONG = "é" * 40
BARE_OF_LONG = "$2b$04$Y7LhXZ1wUB8cTqk7bm0s1e5nC8G06EjMrgic.1HKZk8JExIX1Iu8e"


@pytest.fixture(autouse=True)
def real_hashers(settings: Any) -> None:
    settings.PASSWORD_HASHERS = base.PASSWORD_HASHERS


def holder(encoded: str) -> User:
    user = factories.user()
    User.objects.filter(pk=user.pk).update(password=encoded)
    return user


def sign_in(user: User, password: str) -> int:
    answer = APIClient().post("/auth/token", {"email": user.email, "password": password}, format="json")
    return int(answer.status_code)


def stored(user: User) -> str:
    return str(User.objects.values_list("password", flat=True).get(pk=user.pk))


def test_new_password_is_kept_with_argon2() -> None:
    assert make_password(PASSWORD).startswith("argon2$argon2id$")


def test_pbkdf2_is_taken_and_renewed() -> None:
    user = holder(make_password(PASSWORD, hasher="pbkdf2_sha256"))

    assert sign_in(user, "wrong") == 401
    assert stored(user).startswith("pbkdf2_sha256$")
    assert sign_in(user, PASSWORD) == 200
    assert stored(user).startswith("argon2$")
    assert sign_in(user, PASSWORD) == 200


@pytest.mark.parametrize(
    ("encoded", "password"),
    [
        (BARE, PASSWORD),
        (BARE.replace("$2b$", "$2a$"), PASSWORD),
        (f"bcrypt${BARE}", PASSWORD),
        (BARE_OF_LONG, LONG),
    ],
)
def test_bcrypt_of_the_older_system_is_taken_and_renewed(encoded: str, password: str) -> None:
    user = holder(encoded)

    assert sign_in(user, "wrong") == 401
    assert stored(user) == encoded
    assert sign_in(user, password) == 200
    assert stored(user).startswith("argon2$")
    assert sign_in(user, password) == 200


def test_password_longer_than_bcrypt_reads_is_an_ordinary_wrong_one() -> None:
    assert sign_in(holder(BARE), "x" * 500) == 401


@pytest.mark.parametrize("encoded", ["$2b$", "$2b$xx$y", "$2b$12$short", "$2b$99$" + "a" * 53])
def test_bare_hash_that_is_broken_lets_nobody_in(encoded: str) -> None:
    assert sign_in(holder(encoded), PASSWORD) == 401


def test_djangos_bcrypt_sha256_is_taken_and_renewed() -> None:
    user = holder(make_password(PASSWORD, hasher="bcrypt_sha256"))

    assert sign_in(user, PASSWORD) == 200
    assert stored(user).startswith("argon2$")


@pytest.mark.parametrize("encoded", ["", "!", "x", "$", "$$", "md5$a$b", "plain words"])
def test_hash_that_is_none_lets_nobody_in(encoded: str) -> None:
    assert sign_in(holder(encoded), PASSWORD) == 401


def test_only_bare_hashes_get_a_name() -> None:
    assert hashers.named("$2b$12$abc") == "bcrypt$$2b$12$abc"
    assert hashers.named("argon2$argon2id$x") == "argon2$argon2id$x"
