"""/bots/"""

from collections.abc import Callable

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from chatboost.messaging.models import Bot, Channel, ChannelKind
from chatboost.messaging.services import bots
from teams.models import Organization
from tests import factories

ApiFor = Callable[..., APIClient]

SOURCE_BODY = {
    "name": "My Bot",
    "description": "A WhatsApp bot",
    "is_whatsapp_enabled": True,
    "whatsapp_access_token": "optional-custom-token",
    "whatsapp_phone_number_id": "optional-custom-phone-id",
}


def test_create_with_the_sources_body_shows_no_secret(api: APIClient) -> None:
    response = api.post("/bots/", SOURCE_BODY, format="json")

    assert response.status_code == 201
    shown = response.json()
    assert "optional-custom-token" not in response.content.decode()
    assert shown["has_whatsapp_credentials"] is True
    assert shown["whatsapp_phone_number_id"] == "optional-custom-phone-id"
    channel = Channel.objects.get(pk=shown["default_channel"])
    assert (channel.kind, channel.access_token) == (ChannelKind.WHATSAPP, "optional-custom-token")


def test_create_with_a_name_alone_has_no_credentials(api: APIClient) -> None:
    shown = api.post("/bots", {"name": "My Bot"}, format="json").json()

    assert (shown["has_whatsapp_credentials"], shown["whatsapp_phone_number_id"]) == (False, "")
    assert shown["default_channel"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": "Bot", "nmae": "Bot"}, "nmae"),
        ({"name": "Bot", "whatsapp_phone_number_id": "a/b"}, "whatsapp_phone_number_id"),
        (
            {"name": "Bot", "whatsapp_phone_number_id": "1", "whatsapp_access_token": "a b"},
            "whatsapp_access_token",
        ),
        ({"name": "Bot", "whatsapp_access_token": "secret"}, "whatsapp_phone_number_id"),
    ],
)
def test_create_bad_body_names_the_field(api: APIClient, body: dict[str, str], field: str) -> None:
    response = api.post("/bots/", body, format="json")

    assert response.status_code == 400
    assert list(response.json()["errors"]) == [field]


def test_create_with_a_taken_number_is_a_conflict(api: APIClient, other_organization: Organization) -> None:
    bots.create(organization=other_organization, name="Secret project", phone_number_id="100")

    response = api.post("/bots/", {"name": "Shop", "whatsapp_phone_number_id": "100"}, format="json")

    assert (response.status_code, response.json()["code"]) == (409, "phone_number_id_taken")
    assert "Secret" not in response.content.decode()


def test_put_what_get_gave_changes_nothing_secret(api: APIClient, organization: Organization) -> None:
    bot = bots.create(organization=organization, name="Shop", phone_number_id="100", access_token="secret")
    shown = api.get(f"/bots/{bot.pk}").json()

    response = api.put(f"/bots/{bot.pk}", shown | {"name": "Store"}, format="json")

    assert response.status_code == 200
    assert response.json() == shown | {"name": "Store", "updated_at": response.json()["updated_at"]}
    assert Channel.objects.get(external_id="100").access_token == "secret"


def test_patch_null_credentials_keeps_them(api: APIClient, organization: Organization) -> None:
    bot = bots.create(organization=organization, name="Shop", phone_number_id="100", access_token="secret")
    body = {"whatsapp_access_token": None, "whatsapp_phone_number_id": None}

    assert api.patch(f"/bots/{bot.pk}", body, format="json").json()["has_whatsapp_credentials"] is True


def test_patch_empty_token_clears_it(api: APIClient, organization: Organization) -> None:
    bot = bots.create(organization=organization, name="Shop", phone_number_id="100", access_token="secret")

    shown = api.patch(f"/bots/{bot.pk}", {"whatsapp_access_token": ""}, format="json").json()

    assert (shown["has_whatsapp_credentials"], shown["whatsapp_phone_number_id"]) == (False, "100")


def test_delete_removes_the_bot(api: APIClient, organization: Organization) -> None:
    bot = bots.create(organization=organization, name="Shop")

    assert api.delete(f"/bots/{bot.pk}").status_code == 204
    assert api.get(f"/bots/{bot.pk}").status_code == 404


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_foreign_bot_is_not_found(api: APIClient, other_organization: Organization, method: str) -> None:
    bot = factories.bot(other_organization)

    body = {} if method == "get" else {"data": {"name": "Mine"}, "format": "json"}
    response = getattr(api, method)(f"/bots/{bot.pk}/", **body)

    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert Bot.objects.get(pk=bot.pk).name != "Mine"


def test_list_shows_only_the_organizations_bots(
    api: APIClient, organization: Organization, other_organization: Organization
) -> None:
    factories.bot(other_organization)
    mine = factories.bot(organization)

    shown = api.get("/bots/").json()

    assert (shown["count"], [bot["id"] for bot in shown["results"]]) == (1, [mine.pk])


def test_list_costs_the_same_for_many_bots(
    api: APIClient, organization: Organization, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(9):
        bots.create(organization=organization, name=f"Bot {number}", phone_number_id=str(number))
    api.get("/bots/")  # notes the key's use

    with django_assert_num_queries(3):  # key, count, rows
        shown = api.get("/bots/").json()

    assert shown["count"] == 9


@pytest.mark.parametrize(("query", "names"), [("search=ho", ["Shop"]), ("is_active=false", ["Desk"])])
def test_list_can_be_narrowed(
    api: APIClient, organization: Organization, query: str, names: list[str]
) -> None:
    factories.bot(organization, name="Shop")
    factories.bot(organization, name="Desk", is_active=False)

    assert [bot["name"] for bot in api.get(f"/bots/?{query}").json()["results"]] == names


def test_list_can_be_ordered(api: APIClient, organization: Organization) -> None:
    for name in ("a", "b"):
        factories.bot(organization, name=name)

    assert [bot["name"] for bot in api.get("/bots/?ordering=-name").json()["results"]] == ["b", "a"]


@pytest.mark.parametrize(
    ("role", "method", "status"),
    [
        ("viewer", "get", 200),
        ("viewer", "patch", 403),
        ("agent", "patch", 403),
        ("editor", "patch", 200),
        ("editor", "delete", 403),
        ("admin", "delete", 204),
    ],
)
def test_roles_decide(
    api_for: ApiFor, organization: Organization, role: str, method: str, status: int
) -> None:
    bot = factories.bot(organization)

    body = {} if method == "get" else {"data": {"name": "New"}, "format": "json"}
    response = getattr(api_for(organization, role=role), method)(f"/bots/{bot.pk}", **body)

    assert response.status_code == status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "New", "whatsapp_phone_number_id": "100"}, 200),
        ({"whatsapp_access_token": None}, 200),
        ({"whatsapp_access_token": "stolen"}, 403),
        ({"whatsapp_phone_number_id": "200"}, 403),
        ({"whatsapp_phone_number_id": ""}, 403),
    ],
)
def test_editor_may_not_change_credentials(
    api_for: ApiFor, organization: Organization, body: dict[str, str], status: int
) -> None:
    bot = bots.create(organization=organization, name="Shop", phone_number_id="100")

    assert (
        api_for(organization, role="editor").patch(f"/bots/{bot.pk}", body, format="json").status_code
        == status
    )


def test_without_credentials_is_unauthorised(organization: Organization) -> None:
    assert APIClient().get("/bots/").status_code == 401
