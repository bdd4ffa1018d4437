"""The database away: 503 wherever it is noticed, so that callers try again; a wrong statement stays a 500."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
import psycopg_pool
import pytest
from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connection,
)
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from rest_framework.test import APIClient

from chatboost.core.db import outage
from teams.models import Organization
from tests import factories
from tests.fakes import whatsapp_webhooks
from tests.messaging.pipeline import text


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def coded(sqlstate: str) -> Exception:
    class ServerSaid(psycopg.OperationalError):
        pass

    ServerSaid.sqlstate = sqlstate
    return caused(OperationalError("the server's words"), ServerSaid())


AWAY: list[Exception] = [
    *[
        coded(state)
        for state in ("57P01", "57P02", "57P03", "53300", "08006", "08001", "55P03", "40P01", "40001")
    ],
    caused(OperationalError("server closed the connection unexpectedly"), psycopg.OperationalError()),
    caused(OperationalError("couldn't get a connection after 10.00 sec"), psycopg_pool.PoolTimeout()),
    caused(OperationalError("the pool is closed"), psycopg_pool.PoolClosed()),
    OperationalError("database is locked"),
    OperationalError("unable to open database file"),
    InterfaceError("connection already closed"),
]
WRONG: list[Exception] = [
    *[coded(state) for state in ("42P01", "42703", "22P02", "57014", "53100")],
    caused(OperationalError("no such table: bots"), sqlite3.OperationalError()),
    caused(OperationalError("near FROM: syntax error"), sqlite3.OperationalError()),
    InterfaceError("the cursor is closed"),
    ProgrammingError("relation does not exist"),
    IntegrityError("duplicate key"),
    DatabaseError("database is locked, it says"),
    ValueError("the connection is closed"),
]


@pytest.mark.parametrize("error", AWAY, ids=lambda error: f"{error}-{outage.sqlstate(error)}")
def test_lost_or_refused_connection_is_an_outage(error: Exception) -> None:
    assert outage.is_outage(error)


@pytest.mark.parametrize("error", WRONG, ids=lambda error: f"{error}-{outage.sqlstate(error)}")
def test_wrong_statement_is_none(error: Exception) -> None:
    assert not outage.is_outage(error)


def test_refused_connection_of_the_driver_itself_is_an_outage() -> None:
    with pytest.raises(psycopg.OperationalError) as refused:
        psycopg.connect("host=127.0.0.1 port=1 connect_timeout=2 user=nobody dbname=none")

    assert outage.is_outage(caused(OperationalError(str(refused.value)), refused.value))


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_connection_that_the_server_ends_is_an_outage_and_the_next_request_is_served(
    signed_in: Client,
) -> None:
    assert connection.vendor == "postgresql", "run this beside PostgreSQL: make test-services"
    with pytest.raises(OperationalError) as ended, connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    assert outage.is_outage(ended.value)
    connection.close()
    assert signed_in.get("/bots/").status_code == 200


@contextmanager
def database_away(error: Exception | None = None) -> Iterator[None]:
    def refuse(*arguments: Any) -> Any:
        raise error or OperationalError("unable to open database file")

    with connection.execute_wrapper(refuse):
        yield


def check(answer: HttpResponse) -> None:
    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
    assert (answer.json()["code"], answer["Retry-After"]) == ("database_unavailable", "5")
    assert "unable to open" not in answer.content.decode()


@pytest.fixture
def client() -> Client:
    """A browser: what was a 500 is one, and not an exception of the test."""
    return Client(raise_request_exception=False)


@pytest.fixture
def signed_in(client: Client, organization: Organization) -> Client:
    client.force_login(factories.member(organization), factories.SIGN_IN)
    return client


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/admin/", "/bots/", "/accounts/password/change/"])
def test_signed_in_person_gets_a_503(signed_in: Client, address: str) -> None:
    """The session, the user and the organization are read in middleware."""
    signed_in.get("/auth/me")
    with database_away():
        check(signed_in.get(address))


@pytest.mark.django_db
def test_caller_with_a_key_gets_a_503(api: APIClient) -> None:
    api.raise_request_exception = False
    with database_away():
        check(api.get("/bots/"))
        check(api.post("/bots/", {"name": "One"}, format="json", headers={"Idempotency-Key": "k"}))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("/auth/token", {"username": "a@example.com", "password": "correct horse battery"}),
        ("/auth/register", {"email": "b@example.com", "password": "correct horse battery", "name": "B"}),
    ],
)
def test_caller_without_credentials_gets_a_503(client: Client, address: str, body: dict[str, str]) -> None:
    with database_away():
        check(client.post(address, body, content_type="application/json"))


@pytest.mark.django_db
def test_person_who_signs_in_gets_a_503(client: Client) -> None:
    with database_away():
        check(client.post("/accounts/login/", {"login": "a@example.com", "password": "wrong"}))


@pytest.mark.django_db
def test_vendor_gets_a_503_and_sends_again(client: Client) -> None:
    with database_away():
        check(client.post(f"/whatsapp/webhook/{uuid4()}", "{}", content_type="application/json"))


@pytest.mark.django_db
def test_wrong_statement_in_middleware_stays_a_500(signed_in: Client) -> None:
    signed_in.get("/auth/me")
    with database_away(OperationalError("no such column: name")):
        answer = signed_in.get("/bots/")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")


def bug(request: HttpRequest) -> HttpResponse:
    raise ProgrammingError("no such column: name")


urlpatterns = [path("bug", bug)]
handler500 = "chatboost.api.server_error"


@pytest.mark.django_db
@pytest.mark.urls(__name__)
def test_wrong_statement_in_a_view_stays_a_500(client: Client) -> None:
    assert client.get("/bug").status_code == 500


# Conflicts


@pytest.fixture
def conflict_once() -> Callable[[str], Any]:
    """Have the first statement that begins so meet a deadlock."""

    @contextmanager
    def meet(beginning: str) -> Iterator[list[str]]:
        met: list[str] = []

        def wrapper(execute: Any, sql: str, *arguments: Any) -> Any:
            if not met and sql.startswith(beginning):
                met.append(sql)
                raise OperationalError("database is locked")
            return execute(sql, *arguments)

        with connection.execute_wrapper(wrapper):
            yield met

    return meet


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k"}])
def test_write_that_met_a_conflict_starts_again(
    conflict_once: Any, organization: Organization, api: APIClient, headers: dict[str, str]
) -> None:
    with conflict_once('INSERT INTO "messaging_bot"') as met:
        answer = api.post("/bots/", {"name": "One"}, format="json", headers=headers)

    assert (len(met), answer.status_code) == (1, 201)
    assert [bot["name"] for bot in api.get("/bots/").json()["results"]] == ["One"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("method", "beginning", "status"),
    [("patch", 'UPDATE "messaging_bot"', 200), ("delete", "DELETE", 204)],
)
def test_change_that_met_a_conflict_starts_again(
    conflict_once: Any, organization: Organization, api: APIClient, method: str, beginning: str, status: int
) -> None:
    bot = factories.bot(organization)
    with conflict_once(beginning) as met:
        answer = getattr(api, method)(f"/bots/{bot.pk}", {"name": "Other"}, format="json")

    assert (len(met), answer.status_code) == (1, status)


@pytest.mark.django_db(transaction=True)
def test_delivery_that_met_a_conflict_is_stored_all_the_same(
    conflict_once: Any, organization: Organization, client: Client, settings: Any
) -> None:
    settings.WHATSAPP_APP_SECRET = ["secret"]
    channel = factories.channel(factories.bot(organization))
    raw = whatsapp_webhooks.encode(
        whatsapp_webhooks.delivery(channel.external_id, messages=[text("Hello", id="wamid.A")])
    )
    headers = {"X-Hub-Signature-256": whatsapp_webhooks.sign(raw, "secret")}
    with conflict_once('INSERT INTO "messaging_webhookreceipt"') as met:
        answer = client.post("/whatsapp/webhook", raw, content_type="application/json", headers=headers)

    assert (len(met), answer.status_code, answer.json()["new"]) == (1, 200, 1)
