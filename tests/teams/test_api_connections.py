"""`/team/connections`: what is shown, what is taken, and what is nowhere to be read."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from rest_framework.test import APIClient

from chatboost.core.models import AuditEntry, WorkItem
from teams import limits
from teams.models import ConnectedAccount, Organization
from teams.roles import Role
from tests.fakes.google import GoogleFake
from tests.teams.connected import account, point_at

pytestmark = pytest.mark.django_db

URL = "/team/connections"


@pytest.fixture
def google(settings: Any) -> Iterator[GoogleFake]:
    with GoogleFake() as fake:
        point_at(settings, fake)
        yield fake
    assert fake.attempts == []


@pytest.fixture
def key(google: GoogleFake) -> dict[str, Any]:
    return dict(json.loads(google.accounts.add_service_account()))


def pem(key: Any) -> str:
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    return str(key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain).decode())


@pytest.mark.parametrize("slash", ["", "/"])
def test_list_shows_accounts_without_what_opens_them(
    google: GoogleFake,
    organization: Organization,
    other_organization: Organization,
    api: APIClient,
    slash: str,
) -> None:
    row = account(organization, google, email="ada@example.com")
    account(other_organization, google, email="theirs@example.com")

    answer = api.get(f"{URL}{slash}")

    (shown,) = answer.json()["results"]
    assert (shown["purpose"], shown["email"], shown["state"]) == ("drive", "ada@example.com", "connected")
    assert shown["scopes"] == ["https://www.googleapis.com/auth/drive.file"]
    assert shown["reconnect_url"] == "http://testserver/authorize?purpose=drive"
    for secret in (row.access_token, row.refresh_token):
        assert secret not in answer.content.decode()
    assert api.get(f"{URL}/{row.pk}").json() == shown


def test_service_account_is_connected_by_its_key(
    organization: Organization, api: APIClient, key: dict[str, Any]
) -> None:
    body = {"service_account_key": key, "shared_drive_id": "0AbC-_9"}
    answer = api.post(URL, body, format="json")

    assert answer.status_code == 201
    shown = answer.json()
    assert (shown["kind"], shown["email"]) == ("service_account", key["client_email"])
    assert (shown["shared_drive_id"], shown["reconnect_url"]) == ("0AbC-_9", "")
    row = ConnectedAccount.objects.get()
    assert (row.organization, row.subject) == (organization, key["client_id"])
    assert json.loads(row.service_account_key) == key
    (entry,) = AuditEntry.objects.filter(verb="connected_account.connected")
    for text in (answer.content.decode(), str(entry.changes), str(row.__dict__["scopes"])):
        assert "PRIVATE KEY" not in text
    assert api.post(URL, body, format="json").json()["id"] == shown["id"]


def test_key_is_encrypted_in_the_database(api: APIClient, key: dict[str, Any]) -> None:
    from django.db import connection

    api.post(URL, {"service_account_key": key, "shared_drive_id": "0Team"}, format="json")
    with connection.cursor() as cursor:
        cursor.execute("SELECT service_account_key FROM teams_connectedaccount")
        (stored,) = cursor.fetchone()
    assert "PRIVATE" not in stored
    assert key["private_key_id"] not in stored


WRONG: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "nothing": lambda key: {},
    "another type": lambda key: {**key, "type": "authorized_user"},
    "no type": lambda key: {name: value for name, value in key.items() if name != "type"},
    "tokens elsewhere": lambda key: {**key, "token_uri": "https://tokens.evil.test/token"},
    "tokens at the metadata service": lambda key: {**key, "token_uri": "http://169.254.169.254/token"},
    "no token_uri": lambda key: {name: value for name, value in key.items() if name != "token_uri"},
    "no private key": lambda key: {name: value for name, value in key.items() if name != "private_key"},
    "half a private key": lambda key: {**key, "private_key": key["private_key"][:400]},
    "words for a private key": lambda key: {**key, "private_key": "-----BEGIN PRIVATE KEY-----\nwords\n"},
    "a small private key": lambda key: {**key, "private_key": pem(rsa.generate_private_key(65537, 1024))},
    "a curve": lambda key: {**key, "private_key": pem(ec.generate_private_key(ec.SECP256R1()))},
    "no e-mail": lambda key: {**key, "client_email": "robot"},
    "a long e-mail": lambda key: {**key, "client_email": f"{'x' * 300}@example.com"},
    "too much": lambda key: {**key, "more": "x" * 9_999, "and more": "x" * 9_999},
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_key_is_refused_and_nothing_is_called(
    api: APIClient, key: dict[str, Any], name: str
) -> None:
    body = {"service_account_key": WRONG[name](key), "shared_drive_id": "0Team"}
    answer = api.post(URL, body, format="json")

    assert answer.status_code == 400
    problem = answer.json()
    assert problem["code"] == "invalid_service_account_key"
    assert list(problem["errors"]) == ["service_account_key"]
    assert "PRIVATE KEY-----\n" not in answer.content.decode()
    assert not ConnectedAccount.objects.exists()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"shared_drive_id": " "}, "validation_failed"),
        ({}, "validation_failed"),
        ({"shared_drive_id": "a b"}, "invalid_drive_id"),
        ({"shared_drive_id": "x" * 129}, "invalid_drive_id"),
        ({"shared_drive_id": "0Team", "folder_id": "../x'y"}, "invalid_drive_id"),
    ],
)
def test_drive_that_is_none_is_refused(
    api: APIClient, key: dict[str, Any], fields: dict[str, str], code: str
) -> None:
    answer = api.post(URL, {"service_account_key": key, **fields}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_addresses_of_drive_and_folder_are_understood(api: APIClient, key: dict[str, Any]) -> None:
    body = {
        "service_account_key": key,
        "shared_drive_id": "https://drive.google.com/drive/folders/0Team_x/",
        "folder_id": "https://drive.google.com/drive/u/0/folders/1Folder?usp=drive_link",
    }
    shown = api.post(URL, body, format="json").json()
    assert (shown["shared_drive_id"], shown["folder_id"]) == ("0Team_x", "1Folder")


def test_delete_disconnects_and_is_repeatable(
    google: GoogleFake, organization: Organization, api: APIClient
) -> None:
    row = account(organization, google)
    for _ in range(2):
        assert api.delete(f"{URL}/{row.pk}").status_code == 204
    shown = api.get(f"{URL}/{row.pk}").json()
    assert (shown["state"], bool(shown["ended_at"])) == ("revoked", True)
    assert WorkItem.objects.filter(kind="teams.revoke_google").count() == 1


def test_account_of_another_organization_is_not_there(
    google: GoogleFake, other_organization: Organization, api: APIClient
) -> None:
    row = account(other_organization, google)
    assert api.get(f"{URL}/{row.pk}").status_code == 404
    assert api.delete(f"{URL}/{row.pk}").status_code == 404
    row.refresh_from_db()
    assert row.state == "connected"


@pytest.mark.parametrize("role", [Role.EDITOR, Role.AGENT, Role.VIEWER])
def test_roles_below_admin_see_nothing(
    google: GoogleFake, organization: Organization, api_for: Callable[..., APIClient], role: str
) -> None:
    row = account(organization, google)
    client = api_for(organization, role=role)
    answers = [client.get(URL), client.post(URL, {}, format="json"), client.delete(f"{URL}/{row.pk}")]
    assert [answer.status_code for answer in answers] == [403] * 3


def test_limit_holds(
    google: GoogleFake, organization: Organization, api: APIClient, key: dict[str, Any]
) -> None:
    limits.set_value(organization=organization, name="connected_accounts", value=1, actor=None)
    row = account(organization, google)
    body = {"service_account_key": key, "shared_drive_id": "0Team"}
    assert api.post(URL, body, format="json").json()["code"] == "limit_reached"
    api.delete(f"{URL}/{row.pk}")
    assert api.post(URL, body, format="json").status_code == 201
