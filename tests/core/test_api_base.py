"""Base classes of the API: strict bodies, optional slashes, default deny, one organization."""

import io
import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured
from django.urls import include, path
from drf_spectacular.generators import SchemaGenerator
from rest_framework import serializers as drf
from rest_framework.decorators import action
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory

from chatboost.core.api import permissions
from chatboost.core.api.filters import FilterSet
from chatboost.core.api.pagination import Cursor
from chatboost.core.api.parsers import MAX_DEPTH, StrictJSONParser
from chatboost.core.api.routers import Router
from chatboost.core.api.serializers import ModelSerializer, ScopedRelatedField, Serializer
from chatboost.core.api.views import View
from chatboost.core.api.viewsets import ModelViewSet, permissions_for
from chatboost.messaging.models import Bot, Channel
from teams.models import Organization
from teams.roles import Role
from tests import factories


class BotSerializer(ModelSerializer[Bot]):
    class Meta:
        model = Bot
        fields = ("id", "name", "description")
        read_only_fields = ("id",)


class BotFilter(FilterSet):
    class Meta:
        model = Bot
        fields = ["is_active"]


class Bots(ModelViewSet[Bot]):
    queryset = Bot.objects.order_by("id")
    filterset_class = BotFilter
    search_fields = ["name"]
    ordering_fields = ["id", "name"]
    serializer_class = BotSerializer
    permission_map = permissions_for("messaging.bot") | {"declared": "messaging.view_bot"}

    @action(detail=False)
    def declared(self, request: Request) -> Response:
        return Response({"organization": self.organization.pk})

    @action(detail=False)
    def forgotten(self, request: Request) -> Response:
        return Response({})


class CursoredBots(Bots):
    pagination_class = Cursor
    ordering_fields = ()


class Plain(View):
    permission_map = {"get": "messaging.view_bot"}

    def get(self, request: Request) -> Response:
        return Response({})

    def post(self, request: Request) -> Response:
        return Response({})


class Undeclared(View):
    def get(self, request: Request) -> Response:
        return Response({})


class Self(View):
    permission_classes = (permissions.SignedIn,)

    def get(self, request: Request) -> Response:
        return Response({"name": str(request.user)})


router = Router()
router.register("bots", Bots)
router.register("cursored", CursoredBots, basename="cursored")
posting = Router(post_updates=True)
posting.register("posting", Bots, basename="posting")

urlpatterns = [
    path("", include(router.urls)),
    path("", include(posting.urls)),
    path("plain", Plain.as_view()),
    path("undeclared", Undeclared.as_view()),
    path("self", Self.as_view()),
]

handler400 = "chatboost.api.bad_request"
handler404 = "chatboost.api.no_route"

pytestmark = pytest.mark.urls(__name__)


# Bodies


def parse(raw: bytes | str) -> Any:
    return StrictJSONParser().parse(io.BytesIO(raw.encode() if isinstance(raw, str) else raw))


GOOD: list[tuple[str, Any]] = [
    ("{}", {}),
    ("\ufeff[1]", [1]),
    ('{"a": [true, null, -1.5e3, "خوش 👩‍👩‍👧"]}', {"a": [True, None, -1500.0, "خوش 👩‍👩‍👧"]}),
    ('"\\ud83d\\ude00"', "😀"),
    ("1e-400", 0.0),
    ("[" * MAX_DEPTH + "]" * MAX_DEPTH, json.loads("[" * MAX_DEPTH + "]" * MAX_DEPTH)),
]


@pytest.mark.parametrize(("raw", "value"), GOOD)
def test_parser_reads_json(raw: str, value: Any) -> None:
    assert parse(raw) == value


BAD: dict[str, bytes | str] = {
    "nothing": "",
    "half an object": '{"a": 1',
    "two values": "{} {}",
    "NaN": '{"a": NaN}',
    "Infinity": "[Infinity]",
    "minus Infinity": "[-Infinity]",
    "number beyond any float": '{"a": 1e400}',
    "number of 5000 digits": "1" * 5000,
    "NUL in a value": '{"a": "b\\u0000c"}',
    "NUL in a key": '{"a\\u0000": 1}',
    "NUL deep inside": '[[{"a": ["\\u0000"]}]]',
    "lone surrogate": '"\\ud83d"',
    "lone surrogate in a key": '{"\\udc00": 1}',
    "not UTF-8": b'{"a": "\xff"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "control character": '"a\nb"',
    "single quotes": "{'a': 1}",
    "trailing comma": "[1,]",
    "comment": "[1] // one",
    "one level too deep": "[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2),
    "far too deep": "[" * 100_000,
}


@pytest.mark.parametrize("name", BAD)
def test_parser_refuses_what_could_not_be_given_back(name: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(BAD[name])

    assert caught.value.get_codes() == "malformed_body"


@pytest.mark.django_db
def test_too_large_a_body_is_a_413(api: APIClient) -> None:
    body = json.dumps({"name": "x" * django_settings.DATA_UPLOAD_MAX_MEMORY_SIZE})

    answer = api.post("/bots/", data=body, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert not Bot.objects.exists()


# Routes


@pytest.mark.django_db
@pytest.mark.parametrize("slash", ["", "/"])
def test_router_answers_with_and_without_a_slash(
    api: APIClient, organization: Organization, slash: str
) -> None:
    bot = factories.bot(organization)

    for address in ("/bots", f"/bots/{bot.pk}", "/bots/declared"):
        assert api.get(address + slash).status_code == 200
    assert api.post("/bots" + slash, {"name": "New"}, format="json").status_code == 201


@pytest.mark.django_db
@pytest.mark.parametrize(
    "id", ["0", "999999999999999999", "9999999999999999999", "-1", "1.5", "abc", "1'", "1x", "1/2", "%D9%A1"]
)
def test_router_finds_nothing_under_an_id_that_is_none(api: APIClient, id: str) -> None:
    assert api.get(f"/bots/{id}").status_code == 404


@pytest.mark.django_db
def test_router_lets_post_on_a_detail_update_only_where_asked(
    api: APIClient, organization: Organization
) -> None:
    bot = factories.bot(organization)

    assert api.post(f"/posting/{bot.pk}", {"name": "Renamed"}, format="json").status_code == 200
    assert api.post(f"/bots/{bot.pk}", {"name": "Again"}, format="json").status_code == 405
    bot.refresh_from_db()
    assert bot.name == "Renamed"


def test_schema_lists_each_route_once() -> None:
    paths = SchemaGenerator(patterns=router.urls).get_schema(request=None, public=True)["paths"]

    routes = sorted(address.rstrip("/") for address in paths if not address.startswith("/whatsapp"))
    wanted = ["", "/{id}", "/declared", "/forgotten"]
    assert routes == sorted(f"/{noun}{rest}" for noun in ("bots", "cursored") for rest in wanted)


# Permissions


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/bots", "/bots/1", "/bots/declared", "/plain", "/undeclared", "/self"])
def test_caller_without_credentials_is_refused(address: str) -> None:
    assert APIClient().get(address).status_code == 401


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "address"), [("get", "/bots/forgotten"), ("post", "/plain"), ("get", "/undeclared")]
)
def test_action_without_a_permission_is_refused_even_to_the_owner(
    api_for: Callable[..., APIClient], organization: Organization, method: str, address: str
) -> None:
    answer = getattr(api_for(organization, role=Role.OWNER), method)(address)

    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/bots/declared", "/plain", "/self"])
def test_action_with_a_permission_is_allowed_to_whoever_holds_it(
    api_for: Callable[..., APIClient], organization: Organization, address: str
) -> None:
    assert api_for(organization, role=Role.VIEWER).get(address).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("role", "method", "status"),
    [
        (Role.VIEWER, "get", 200),
        (Role.VIEWER, "put", 403),
        (Role.VIEWER, "patch", 403),
        (Role.VIEWER, "delete", 403),
        (Role.EDITOR, "patch", 200),
        (Role.EDITOR, "delete", 403),
        (Role.ADMIN, "delete", 204),
    ],
)
def test_each_action_asks_for_its_own_permission(
    api_for: Callable[..., APIClient], organization: Organization, role: str, method: str, status: int
) -> None:
    bot = factories.bot(organization)
    body = {} if method == "get" else {"data": {"name": "Other"}, "format": "json"}

    answer = getattr(api_for(organization, role=role), method)(f"/bots/{bot.pk}", **body)

    assert answer.status_code == status


@pytest.mark.django_db
def test_options_is_for_whoever_may_read(
    api_for: Callable[..., APIClient], organization: Organization
) -> None:
    assert api_for(organization, role=Role.VIEWER).options("/bots").status_code == 200
    assert APIClient().options("/bots").status_code == 401


class _Person:
    """A caller who holds every permission, everywhere."""

    is_authenticated = True

    def has_perm(self, permission: str, organization: object) -> bool:
        return True


def test_permission_needs_an_organization() -> None:
    request = Request(APIRequestFactory().get("/plain"))
    request.user = _Person()  # type: ignore[assignment]

    with pytest.raises(permissions.OrganizationRequired) as caught:
        permissions.RolePermission().has_permission(request, Plain())
    assert caught.value.code == "organization_required"


def test_permission_is_never_the_anonymous_callers() -> None:
    request = Request(APIRequestFactory().get("/plain"))
    request.user = AnonymousUser()

    assert not permissions.RolePermission().has_permission(request, Plain())
    assert not permissions.SignedIn().has_permission(request, Self())


# Organizations


@pytest.mark.django_db
def test_viewset_shows_only_rows_of_the_callers_organization(
    api: APIClient, organization: Organization, other_organization: Organization
) -> None:
    mine, foreign = factories.bot(organization), factories.bot(other_organization)

    assert [row["id"] for row in api.get("/bots").json()["results"]] == [mine.pk]
    assert api.get(f"/bots/{foreign.pk}").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_viewset_never_writes_a_foreign_row(
    api: APIClient, other_organization: Organization, method: str
) -> None:
    foreign = factories.bot(other_organization, name="Theirs")

    assert getattr(api, method)(f"/bots/{foreign.pk}", {"name": "Mine"}, format="json").status_code == 404
    foreign.refresh_from_db()
    assert foreign.name == "Theirs"


@pytest.mark.django_db
def test_viewset_creates_rows_in_the_callers_organization(api: APIClient, organization: Organization) -> None:
    api.post("/bots", {"name": "New"}, format="json")

    assert Bot.objects.get().organization == organization


# Serializers


class Inner(Serializer):
    key = drf.CharField()


class Outer(Serializer):
    name = drf.CharField()
    shown = drf.CharField(read_only=True)
    inner = Inner(many=True, required=False)


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ({"name": "a", "nmae": "b"}, {"nmae"}),
        ({"name": "a", "organization": 7}, {"organization"}),
        ({"nmae": "b"}, {"nmae"}),
        ({"name": "a", "x": 1, "y": 2}, {"x", "y"}),
        ({"name": "a", 7: 1}, {"7"}),
    ],
)
def test_serializer_refuses_unknown_keys(data: dict[Any, Any], fields: set[str]) -> None:
    serializer = Outer(data=data)

    assert not serializer.is_valid()
    assert set(serializer.errors) == fields


def test_serializer_refuses_unknown_keys_of_a_nested_part() -> None:
    serializer = Outer(data={"name": "a", "inner": [{"key": "k"}, {"key": "k", "kye": "v"}]})

    assert not serializer.is_valid()
    assert serializer.errors["inner"][1] == {"kye": ["Unknown field."]}


def test_serializer_ignores_what_it_has_given_out_itself() -> None:
    serializer = Outer(data={"name": "a", "shown": "b"})

    assert serializer.is_valid()
    assert serializer.validated_data == {"name": "a"}


@pytest.mark.parametrize("data", [[], "text", 7, None])
def test_serializer_refuses_a_body_that_is_no_object(data: Any) -> None:
    assert not Outer(data=data).is_valid()


class ChannelSerializer(ModelSerializer[Channel]):
    bot = ScopedRelatedField(queryset=Bot.objects.all())

    class Meta:
        model = Channel
        fields = ("bot",)


def errors_of(bot_id: object, organization: Organization | None) -> Any:
    serializer = ChannelSerializer(data={"bot": bot_id}, context={"organization": organization})
    serializer.is_valid()
    return serializer.errors


@pytest.mark.django_db
def test_relation_finds_a_row_of_the_organization(organization: Organization) -> None:
    assert errors_of(factories.bot(organization).pk, organization) == {}


@pytest.mark.django_db
def test_relation_to_a_foreign_row_reads_as_if_it_did_not_exist(
    organization: Organization, other_organization: Organization
) -> None:
    foreign = factories.bot(other_organization).pk

    told = errors_of(foreign, organization)["bot"][0]
    missing = errors_of(foreign + 1000, organization)["bot"][0]

    assert (told.code, str(told).replace(str(foreign), "N")) == (
        missing.code,
        str(missing).replace(str(foreign + 1000), "N"),
    )


@pytest.mark.django_db
def test_relation_without_an_organization_finds_nothing(organization: Organization) -> None:
    assert errors_of(factories.bot(organization).pk, None)["bot"][0].code == "does_not_exist"


@pytest.mark.django_db
@pytest.mark.parametrize("bot_id", [True, "abc", [], {}, 1.5, 10**30, "9" * 30, None])
def test_relation_refuses_what_is_no_id(organization: Organization, bot_id: object) -> None:
    assert "bot" in errors_of(bot_id, organization)


def test_relation_without_a_queryset_is_our_mistake() -> None:
    field = ScopedRelatedField(read_only=True)

    with pytest.raises(ImproperlyConfigured):
        field.get_queryset()


# Pages


@pytest.fixture
def many(organization: Organization) -> list[int]:
    bots = Bot.objects.bulk_create(Bot(organization=organization, name=f"{n}") for n in range(210))
    return [bot.pk for bot in bots]


@pytest.mark.django_db
@pytest.mark.parametrize(("asked", "shown"), [("", 50), ("?page_size=7", 7), ("?page_size=200", 200)])
def test_page_holds_fifty_rows_or_what_was_asked_up_to_two_hundred(
    api: APIClient, many: list[int], asked: str, shown: int
) -> None:
    answer = api.get(f"/bots{asked}").json()

    assert (len(answer["results"]), answer["count"]) == (shown, 210)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["page", "page_size"])
@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5", "+1", "%201", "١", "9" * 30])
def test_page_that_can_not_be_is_a_bad_request(api: APIClient, many: list[int], name: str, text: str) -> None:
    answer = api.get(f"/bots?{name}={text}")

    assert (answer.status_code, answer.json()["code"]) == (400, f"invalid_{name}")
    assert list(answer.json()["errors"]) == [name]


@pytest.mark.django_db
def test_page_beyond_the_last_one_is_not_found(api: APIClient, many: list[int]) -> None:
    answer = api.get("/bots?page=999")

    assert (answer.status_code, answer.json()["code"]) == (404, "page_not_found")


@pytest.mark.django_db
def test_page_larger_than_two_hundred_is_a_bad_request(api: APIClient, many: list[int]) -> None:
    assert api.get("/bots?page_size=201").json()["code"] == "invalid_page_size"


@pytest.mark.django_db
def test_cursor_walks_newest_first_through_everything_once(api: APIClient, many: list[int]) -> None:
    seen, address = [], "/cursored?limit=100"
    while address:
        answer = api.get(address).json()
        seen += [row["id"] for row in answer["results"]]
        address = answer["next"]

    assert seen == many[::-1]
    assert "count" not in answer


@pytest.mark.django_db
@pytest.mark.parametrize("limit", ["0", "201", "x"])
def test_limit_that_can_not_be_is_a_bad_request(api: APIClient, limit: str) -> None:
    assert api.get(f"/cursored?limit={limit}").json()["code"] == "invalid_limit"


def encoded(text: str) -> str:
    return quote(b64encode(text.encode()).decode())


@pytest.mark.django_db
@pytest.mark.parametrize(
    "cursor",
    [
        "made-up",
        "x",
        "9" * 300,
        encoded("made up"),
        encoded("p=abc"),
        encoded("p=1.5"),
        encoded("p=" + "9" * 30),
        encoded("o=-1"),
        encoded("o=x&p=1"),
        encoded("q=1"),
        encoded("p=١"),
    ],
)
def test_cursor_that_was_made_up_is_a_bad_request(api: APIClient, cursor: str) -> None:
    answer = api.get(f"/cursored?cursor={cursor}")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


# Queries


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "code", "name"),
    [
        ("nmae=x", "unknown_parameter", "nmae"),
        ("page=1&page=2", "repeated_parameter", "page"),
        ("page=", "empty_parameter", "page"),
        ("ordering=", "empty_parameter", "ordering"),
        ("ordering=password", "invalid_ordering", "ordering"),
        ("ordering=name,,id", "invalid_ordering", "ordering"),
        ("ordering=--name", "invalid_ordering", "ordering"),
        ("ordering=channels__access_token", "invalid_ordering", "ordering"),
        ("ordering=name,name,name,name,name,name", "invalid_ordering", "ordering"),
        (f"search={'x' * 201}", "invalid_search", "search"),
        ("is_active=maybe", "validation_failed", "is_active"),
        ("is_active=1", "validation_failed", "is_active"),
    ],
)
def test_query_that_makes_no_sense_is_a_bad_request(api: APIClient, query: str, code: str, name: str) -> None:
    answer = api.get(f"/bots?{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert list(answer.json()["errors"]) == [name]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/bots/declared?verbose=1", "/plain?verbose=1", "/self?verbose=1"])
def test_route_without_parameters_takes_none(api: APIClient, path: str) -> None:
    answer = api.get(path)

    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_parameter")


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["LIST", "CREATE", "ACTION", "QUERYSET", "REQUEST", "DISPATCH", "SEARCH"])
def test_method_that_is_a_word_of_the_view_is_not_allowed(api: APIClient, method: str) -> None:
    assert api.generic(method, "/bots?page=1").status_code == 405


@pytest.mark.django_db
def test_unknown_parameter_is_told_to_nobody_without_credentials() -> None:
    assert APIClient().get("/bots?nmae=x").status_code == 401


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/bots?search=%00", "/bots?search=%ff", "/bots?search=%ED%A0%80", "/bots/%00"]
)
def test_address_that_is_no_text_is_a_bad_request(api: APIClient, path: str) -> None:
    answer = api.get(path)

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


@pytest.mark.django_db
@pytest.mark.parametrize(("ordering", "is_up"), [("name", True), ("-name", False), ("name,-id", False)])
def test_rows_that_are_equal_keep_their_places(
    api: APIClient, organization: Organization, ordering: str, is_up: bool
) -> None:
    ids = [factories.bot(organization, name="Same").pk for _ in range(9)]

    shown = [
        row["id"]
        for page in (1, 2, 3)
        for row in api.get(f"/bots?ordering={ordering}&page_size=3&page={page}").json()["results"]
    ]

    assert shown == (ids if is_up else ids[::-1])
