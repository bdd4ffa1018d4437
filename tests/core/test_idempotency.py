"""Idempotency-Key: a POST sent again gets its first answer again and changes nothing."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.http import HttpResponse, StreamingHttpResponse
from django.test.utils import CaptureQueriesContext
from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from pytest_django import DjangoAssertNumQueries
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient

from chatboost.core import clock
from chatboost.core.api.idempotency import KEPT_FOR, IdempotentView
from chatboost.core.errors import Conflict
from chatboost.core.models import IdempotencyRecord
from chatboost.messaging.models import Bot
from teams.models import ApiKey, Organization
from teams.roles import Role
from tests import factories

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = "order-1"


class Probe(IdempotentView):
    """Does what the test says, and counts how often."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    parser_classes = (MultiPartParser, *IdempotentView.parser_classes)
    answer: Callable[[], Any] = staticmethod(lambda: Response({"done": True}))
    calls = 0

    def idempotency_scope(self) -> int:
        return 1

    def post(self, request: Request) -> HttpResponse:
        type(self).calls += 1
        return Probe.answer()


class Keyless(Probe):
    def idempotency_scope(self) -> None:
        return None


urlpatterns = [path("probe", Probe.as_view()), path("keyless", Keyless.as_view())]
on_probe = pytest.mark.urls(__name__)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Say what the probe answers."""
    monkeypatch.setattr(Probe, "calls", 0)

    def set_answer(answer: Callable[[], Any]) -> None:
        monkeypatch.setattr(Probe, "answer", staticmethod(answer))

    return set_answer


def post(client: APIClient, name: str, *, key: str = KEY, at: str = "/bots/") -> HttpResponse:
    return client.post(at, {"name": name}, format="json", headers={"Idempotency-Key": key})


def probe(body: Any = None, *, at: str = "/probe", format: str = "json") -> HttpResponse:
    return APIClient().post(at, body or {}, format=format, headers={"Idempotency-Key": KEY})


# Through the product's own routes


@pytest.mark.django_db
def test_same_request_again_gets_the_first_answer_again(api: APIClient) -> None:
    first, second = post(api, "One"), post(api, "One")

    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert (first.get("Idempotent-Replayed"), second["Idempotent-Replayed"]) == (None, "true")
    assert first["Content-Type"] == second["Content-Type"]
    assert Bot.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "at"), [("Two", "/bots/"), ("One", "/contacts/"), ("One", "/contacts/?include_attributes=true")]
)
def test_other_request_with_the_same_key_is_refused(api: APIClient, name: str, at: str) -> None:
    post(api, "One")

    answer = post(api, name, at=at)

    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")
    assert Bot.objects.count() == 1


@pytest.mark.django_db
def test_other_key_is_another_request(api: APIClient) -> None:
    assert [post(api, "One", key=key).status_code for key in ("a", "b")] == [201, 201]


@pytest.mark.django_db
def test_request_without_a_key_leaves_no_record(api: APIClient) -> None:
    api.post("/bots/", {"name": "One"}, format="json")

    assert not IdempotencyRecord.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "k" * 256, "tab\t", "nul\x00", "ümlaut"])
def test_key_that_is_none_is_refused(api: APIClient, key: str) -> None:
    answer = post(api, "One", key=key)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")
    assert not Bot.objects.exists()


@pytest.mark.django_db
def test_route_without_post_says_so_whatever_the_key(api: APIClient) -> None:
    assert post(api, "One", at="/conversations/").status_code == 405


@pytest.mark.django_db
def test_longest_key_is_taken(api: APIClient) -> None:
    assert [post(api, "One", key="~" * 255).status_code for _ in range(2)] == [201, 201]
    assert Bot.objects.count() == 1


@pytest.mark.django_db
def test_refused_request_leaves_its_key_free(api: APIClient) -> None:
    assert post(api, "").status_code == 400
    assert post(api, "One").status_code == 201


@pytest.mark.django_db
def test_key_is_forgotten_after_a_day(api: APIClient) -> None:
    with clock.frozen(NOON):
        post(api, "One")
    with clock.frozen(NOON + KEPT_FOR):
        assert post(api, "One")["Idempotent-Replayed"] == "true"
    with clock.frozen(NOON + KEPT_FOR + timedelta(seconds=1)):
        assert post(api, "Two").status_code == 201
        assert post(api, "Two")["Idempotent-Replayed"] == "true"


@pytest.mark.django_db
def test_keys_of_two_organizations_do_not_meet(
    api: APIClient, api_for: Callable[..., APIClient], other_organization: Organization
) -> None:
    post(api, "One")

    answer = post(api_for(other_organization), "Theirs")

    assert (answer.status_code, answer.json()["name"]) == (201, "Theirs")


@pytest.mark.django_db
def test_answer_is_never_given_to_another_caller(
    api: APIClient, api_for: Callable[..., APIClient], organization: Organization
) -> None:
    body = {"name": "Robot", "role": Role.VIEWER}
    headers = {"Idempotency-Key": KEY}
    api.post("/team/api-keys", body, format="json", headers=headers)

    answer = api_for(organization).post("/team/api-keys", body, format="json", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")


@pytest.mark.django_db
def test_secret_of_an_answer_is_not_readable_at_rest(api: APIClient) -> None:
    body = {"name": "Robot", "role": Role.VIEWER}
    made = [
        api.post("/team/api-keys", body, format="json", headers={"Idempotency-Key": KEY}).json()["key"]
        for _ in range(2)
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM core_idempotencyrecord")
        (stored,) = cursor.fetchone()

    assert made[0] == made[1]
    assert made[0] not in stored
    assert ApiKey.objects.filter(name="Robot").count() == 1


@pytest.mark.django_db
def test_caller_who_lost_the_permission_gets_no_answer_again(
    api_for: Callable[..., APIClient], organization: Organization
) -> None:
    client = api_for(organization, role=Role.EDITOR)
    post(client, "One")
    ApiKey.objects.update(role=Role.VIEWER)

    assert post(client, "One").status_code == 403


@pytest.mark.django_db
def test_person_opens_one_organization_though_the_first_makes_them_choose() -> None:
    owner = factories.user()
    factories.organization(owner=owner)
    token = APIClient().post(
        "/auth/token", {"username": owner.email, "password": "correct horse battery"}, format="json"
    )
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token.json()['access_token']}")

    made = [post(client, "Second", at="/team/organizations").json()["id"] for _ in range(3)]

    assert len(set(made)) == 1


@pytest.mark.django_db
def test_key_costs_two_statements_and_a_transaction(api: APIClient) -> None:
    api.get("/bots/")
    with CaptureQueriesContext(connection) as plain:
        api.post("/bots/", {"name": "One"}, format="json")
    with CaptureQueriesContext(connection) as keyed:
        post(api, "Two")

    assert len(keyed) - len(plain) == 4


@pytest.mark.django_db
def test_answer_again_does_nothing_but_look_it_up(
    api: APIClient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    post(api, "One")
    # The key's owner, SAVEPOINT, claim, record, RELEASE.
    with django_assert_num_queries(5):
        post(api, "One")


# Through a view of the test's own


def crash() -> Response:
    Bot.objects.create(name="never", organization=factories.organization())
    raise ZeroDivisionError


def conflict() -> Response:
    Bot.objects.create(name="never", organization=factories.organization())
    raise Conflict("No.")


@on_probe
@pytest.mark.django_db
def test_request_that_conflicts_takes_its_writes_and_its_key_back(answers: Any) -> None:
    answers(conflict)
    assert [probe().status_code for _ in range(2)] == [409, 409]
    assert (Probe.calls, Bot.objects.count(), IdempotencyRecord.objects.count()) == (2, 0, 0)


@on_probe
@pytest.mark.django_db
def test_request_that_crashes_takes_its_writes_and_its_key_back(answers: Any) -> None:
    answers(crash)
    client = APIClient(raise_request_exception=False)
    answer = client.post("/probe", {}, format="json", headers={"Idempotency-Key": KEY})

    assert answer.status_code == 500
    assert (Bot.objects.count(), IdempotencyRecord.objects.count()) == (0, 0)


@on_probe
@pytest.mark.django_db
def test_answer_that_is_not_rendered_yet_is_kept_as_it_is_sent(answers: Any) -> None:
    answers(lambda: Response({"at": NOON, "ünï": [1.5, None]}, status=202))
    first, second = probe(), probe()

    assert (second.status_code, second.content, Probe.calls) == (202, first.content, 1)


@on_probe
@pytest.mark.django_db
@pytest.mark.parametrize("answer", [Response(status=204), HttpResponse("plain", content_type="text/plain")])
def test_answer_of_another_kind_is_kept_too(answers: Any, answer: HttpResponse) -> None:
    answers(lambda: answer)
    first, second = probe(), probe()

    assert (second.status_code, second.content, Probe.calls) == (first.status_code, first.content, 1)
    assert second.get("Content-Type") == first.get("Content-Type")


@on_probe
@pytest.mark.django_db
@pytest.mark.parametrize(
    "make",
    [
        lambda: HttpResponse(b"\xff\xfe", content_type="application/octet-stream"),
        lambda: StreamingHttpResponse(io.BytesIO(b"rows")),
        lambda: Response({"code": "no"}, status=422),
    ],
    ids=["bytes", "stream", "refusal"],
)
def test_answer_that_can_not_be_kept_leaves_the_key_free(answers: Any, make: Callable[[], Any]) -> None:
    answers(make)
    statuses = [probe().status_code for _ in range(2)]

    assert statuses[0] == statuses[1]
    assert (Probe.calls, IdempotencyRecord.objects.count()) == (2, 0)


@on_probe
@pytest.mark.django_db
def test_view_without_a_scope_takes_no_keys(answers: Any) -> None:
    answers(lambda: Response({}))
    assert [probe(at="/keyless").status_code for _ in range(2)] == [200, 200]
    assert not IdempotencyRecord.objects.exists()


def upload(content: bytes) -> HttpResponse:
    return probe({"email": "a@example.com", "file": SimpleUploadedFile("a.csv", content)}, format="multipart")


@on_probe
@pytest.mark.django_db
def test_upload_is_the_same_when_its_parts_are(answers: Any) -> None:
    answers(lambda: Response({}))
    assert [upload(content).status_code for content in (b"1", b"1", b"2")] == [200, 200, 409]
    assert Probe.calls == 1


@on_probe
@pytest.mark.django_db
def test_body_that_is_too_large_is_a_413_and_not_kept(answers: Any, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    assert probe({"text": "x" * 20}).status_code == 413
    assert not IdempotencyRecord.objects.exists()


class _LockNotAvailable(Exception):
    sqlstate = "55P03"


@on_probe
@pytest.mark.django_db
def test_twin_that_waits_too_long_is_told_to_come_back(answers: Any) -> None:
    def give_up(execute: Any, sql: str, *arguments: Any) -> Any:
        if sql.lstrip().startswith("INSERT INTO core_idempotencyrecord"):
            raise OperationalError("canceling statement due to lock timeout") from _LockNotAvailable()
        return execute(sql, *arguments)

    with connection.execute_wrapper(give_up):
        answer = probe()

    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_in_progress")
    assert answer["Retry-After"] == "1"


def test_schema_names_the_header_where_it_counts() -> None:
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]

    def takes_key(address: str, method: str = "post") -> bool:
        parameters = paths[address][method].get("parameters", [])
        return any(parameter["name"] == "Idempotency-Key" for parameter in parameters)

    assert takes_key("/bots")
    assert takes_key("/whatsapp/send/text")
    assert not takes_key("/bots", "get")
    assert not takes_key("/channels/{id}/check")
    assert not takes_key("/auth/token")
