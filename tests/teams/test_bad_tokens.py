"""Tokens that must open nothing: forged, confused, out of time, somebody else's."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from allauth.headless.tokens.strategies.jwt import internal
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from rest_framework.test import APIClient

from teams.models import Organization, User
from teams.services import sessions
from tests import factories
from tests.teams.conftest import with_token

pytestmark = pytest.mark.django_db

Pair = dict[str, str]
Claims = dict[str, Any]

ALG_NONE = ("none", "None", "NONE", "nOnE", "NoNe", "none ", "", "null")


def encoded(value: Any) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def signed(claims: Claims, *, key: str | None = None, headers: Claims | None = None) -> str:
    return jwt.encode(claims, key or settings.HEADLESS_JWT_PRIVATE_KEY, algorithm="HS256", headers=headers)


def without(claims: Claims, *names: str) -> Claims:
    return {name: value for name, value in claims.items() if name not in names}


@pytest.fixture
def user(organization: Organization) -> User:
    return factories.member(organization)


@pytest.fixture
def pair(user: User, sign_in: Callable[[User], Pair]) -> Pair:
    return sign_in(user)


def claims_of(token: str) -> Claims:
    return dict(jwt.decode(token, options={"verify_signature": False}))


def forged_alike(token: str, claims: Claims) -> dict[str, str]:
    """Return forgeries that work for access and for refresh tokens."""
    head, body, signature = token.split(".")
    now = int(time.time())
    pem = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = pem.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    made = {f"alg {alg!r}": f"{encoded({'alg': alg, 'typ': 'JWT'})}.{body}." for alg in ALG_NONE}
    made |= {
        "alg none with a signature": f"{encoded({'alg': 'none'})}.{body}.{signature}",
        "no alg": f"{encoded({'typ': 'JWT'})}.{body}.{signature}",
        "alg is a list": f"{encoded({'alg': ['HS256']})}.{body}.{signature}",
        "alg is null": f"{encoded({'alg': None})}.{body}.{signature}",
        "RS256 by a key of theirs": jwt.encode(claims, pem, algorithm="RS256"),
        "RS256 in the head, our HMAC": f"{encoded({'alg': 'RS256'})}.{body}.{signature}",
        "HMAC with a public key": _hmac(claims, public),
        "HS384": jwt.encode(claims, settings.HEADLESS_JWT_PRIVATE_KEY * 2, algorithm="HS384"),
        "HS512": jwt.encode(claims, settings.HEADLESS_JWT_PRIVATE_KEY * 2, algorithm="HS512"),
        "empty key": _hmac(claims, b""),
        "NUL key": _hmac(claims, b"\0"),
        "another installation's key": signed(claims, key="y" * 64),
        "the key of sessions": signed(claims, key=settings.SECRET_KEY),
        "key with a space": signed(claims, key=f"{settings.HEADLESS_JWT_PRIVATE_KEY} "),
        "kid of a file": signed(claims, key="z" * 32, headers={"kid": "../../../../dev/null"}),
        "kid of a query": signed(claims, key="z" * 32, headers={"kid": "x' UNION SELECT 'z'--"}),
        "jku": signed(claims, key="z" * 32, headers={"jku": "http://127.0.0.1:1/keys"}),
        "x5u": signed(claims, key="z" * 32, headers={"x5u": "http://127.0.0.1:1/cert"}),
        "jwk": signed(claims, key="z" * 32, headers={"jwk": {"kty": "oct", "k": encoded(b"z" * 32)}}),
        "crit": signed(claims, headers={"crit": ["exp"], "exp": 1}),
        "expired": signed(claims | {"exp": now - 1}),
        "not yet": signed(claims | {"nbf": now + 600}),
        "issued in the future": signed(claims | {"iat": now + 600}),
        "exp is a word": signed(claims | {"exp": "tomorrow"}),
        "exp is null": f"{head}.{encoded(claims | {'exp': None})}.{signature}",
        "no sid": signed(without(claims, "sid")),
        "no sub": signed(without(claims, "sub")),
        "no jti": signed(without(claims, "jti")),
        "no use": signed(without(claims, "token_use")),
        "sid of nothing": signed(claims | {"sid": ""}),
        "sid of a few bytes": signed(claims | {"sid": "AAAA"}),
        "sid of noise": signed(claims | {"sid": base64.b64encode(b"\xff" * 48).decode()}),
        "sid not base64": signed(claims | {"sid": "***"}),
        "sid not ASCII": signed(claims | {"sid": "é" * 24}),
        "sid a number": f"{head}.{encoded(claims | {'sid': 7})}.{signature}",
        "sub of somebody else": signed(claims | {"sub": str(factories.user().pk)}),
        "sub of nobody": signed(claims | {"sub": "0"}),
        "body changed": f"{head}.{encoded(claims | {'sub': '1'})}.{signature}",
        "no signature": f"{head}.{body}.",
        "no signature at all": f"{head}.{body}",
        "half a signature": f"{head}.{body}.{signature[:20]}",
        "longer signature": f"{head}.{body}.{signature}AAAA",
        "truncated": token[:-5],
        "body is a list": f"{head}.{encoded([1])}.{signature}",
        "body is no JSON": f"{head}.{encoded(b'{')}.{signature}",
        "head is no JSON": f"{encoded(b'{')}.{body}.{signature}",
        "four parts": f"{token}.{signature}",
        "nothing": "..",
        "a bomb in the head": f"{encoded(b'[' * 20_000)}.{body}.{signature}",
        "a bomb of brackets": f"{head}.{encoded(b'[' * 50_000)}.{signature}",
    }
    return made


def _hmac(claims: Claims, key: bytes) -> str:
    text = f"{encoded({'alg': 'HS256', 'typ': 'JWT'})}.{encoded(claims)}"
    return f"{text}.{encoded(hmac.new(key, text.encode(), hashlib.sha256).digest())}"


def test_access_tokens_that_are_not_right_open_nothing(pair: Pair) -> None:
    token, claims = pair["access_token"], claims_of(pair["access_token"])
    made = forged_alike(token, claims) | {
        "refresh as access": pair["refresh_token"],
        "refresh renamed": signed(claims_of(pair["refresh_token"]) | {"token_use": "access"}),
        "access as refresh": signed(claims | {"token_use": "refresh"}),
        "no audience": signed(without(claims, "aud")),
        "another audience": signed(claims | {"aud": "another"}),
        "audience among others": signed(claims | {"aud": [sessions.AUDIENCE, "another"]}),
    }

    let_in = {name: with_token(each).get("/auth/me").status_code for name, each in made.items()}

    assert {name: status for name, status in let_in.items() if status != 401} == {}
    assert len(made) >= 60
    assert with_token(signed(claims)).get("/auth/me").status_code == 200


def test_refresh_tokens_that_are_not_right_renew_nothing(pair: Pair) -> None:
    token, claims = pair["refresh_token"], claims_of(pair["refresh_token"])
    made = forged_alike(token, claims) | {
        "access as refresh": pair["access_token"],
        "access renamed": signed(claims_of(pair["access_token"]) | {"token_use": "refresh"}),
    }
    # These name the session rightly and a token that it does not know: a stolen family, which ends it.
    made.pop("access renamed")

    refused = {
        name: APIClient().post("/auth/token/refresh", {"refresh_token": each}, format="json").status_code
        for name, each in made.items()
    }

    # What is longer than any token is malformed.
    assert {name: status for name, status in refused.items() if status not in (400, 401)} == {}
    assert [name for name, status in refused.items() if status == 400 and "bomb" not in name] == []
    answer = APIClient().post("/auth/token/refresh", {"refresh_token": token}, format="json")
    assert answer.status_code == 200


def test_refresh_token_of_our_own_key_that_we_never_gave_ends_the_session(pair: Pair) -> None:
    made = signed(claims_of(pair["refresh_token"]) | {"jti": "never-given"})

    answer = APIClient().post("/auth/token/refresh", {"refresh_token": made}, format="json")

    assert answer.status_code == 401
    assert with_token(pair["access_token"]).get("/auth/me").status_code == 401


def test_tokens_live_as_long_as_they_say(pair: Pair) -> None:
    claims = claims_of(pair["access_token"])

    assert claims["exp"] - claims["iat"] == 30 * 60
    assert internal.decode_token(pair["access_token"], "access")


def test_tokens_of_an_inactive_user_open_nothing(pair: Pair, user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)

    refreshed = APIClient().post(
        "/auth/token/refresh", {"refresh_token": pair["refresh_token"]}, format="json"
    )
    assert with_token(pair["access_token"]).get("/auth/me").status_code == 401
    assert refreshed.status_code == 401


# Mass assignment


EXTRAS: list[Claims] = [
    {"is_staff": True},
    {"is_superuser": True},
    {"is_active": True},
    {"id": 1},
    {"pk": 1},
    {"role": "owner"},
    {"organization": 1},
    {"organization_id": 1},
    {"organizations": [1]},
    {"email_verified": True},
    {"verified": True},
    {"date_joined": "2000-01-01T00:00:00Z"},
    {"groups": [1]},
    {"user_permissions": [1]},
    {"user": {"is_staff": True}},
    {"password_hash": "x"},
    {"__class__": "User"},
]


@pytest.mark.parametrize("extra", EXTRAS, ids=lambda extra: next(iter(extra)))
def test_nothing_but_what_is_asked_counts_at_registration(extra: Claims) -> None:
    body = {"email": "ada@example.com", "password": "a long enough secret", **extra}

    answer = APIClient().post("/auth/register", body, format="json")

    assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")
    assert not User.objects.exists()


@pytest.mark.parametrize("extra", EXTRAS, ids=lambda extra: next(iter(extra)))
def test_nothing_but_what_is_asked_counts_at_sign_in(extra: Claims, user: User) -> None:
    body = {"email": user.email, "password": "correct horse battery", **extra}

    answer = APIClient().post("/auth/token", body, format="json")

    assert answer.status_code == 400
    user.refresh_from_db()
    assert (user.is_staff, user.is_superuser) == (False, False)
