"""/channels/"""

from collections.abc import Callable

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from chatboost.messaging.models import Bot, Channel, ChannelHealth
from chatboost.messaging.services import channels
from teams.models import Organization
from tests import factories
from tests.fakes.graph import DEFAULT_NUMBER_ID, DEFAULT_TOKEN, GraphFake

ApiFor = Callable[..., APIClient]

SECRETS = {"access_token": "secret-a", "app_secret": "secret-b", "verify_token": "secret-c"}


@pytest.fixture
def bot(organization: Organization) -> Bot:
    return factories.bot(organization)


def _garble_secrets() -> None:
    """Store what no key decrypts: whoever reads it fails."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE messaging_channel SET access_token = 'garbled'")


def test_create_shows_flags_and_address_but_no_secret(api: APIClient, bot: Bot, settings: Settings) -> None:
    settings.PUBLIC_BASE_URL = "https://console.example.com"
    body = {"bot": bot.pk, "kind": "whatsapp", "phone_number_id": "100", **SECRETS}

    response = api.post("/channels/", body, format="json")

    shown = response.json()
    assert response.status_code == 201
    assert "secret-" not in response.content.decode()
    assert (shown["kind"], shown["name"], shown["health"]) == ("whatsapp", "WhatsApp Cloud", "ok")
    assert all(shown[f"has_{name}"] is True for name in SECRETS)
    assert shown["webhook_url"] == f"https://console.example.com/whatsapp/webhook/{shown['uuid']}"
    stored = Channel.objects.get(pk=shown["id"])
    assert (stored.access_token, stored.app_secret, stored.verify_token) == tuple(SECRETS.values())


def test_create_simulator_has_no_webhook(api: APIClient, bot: Bot) -> None:
    shown = api.post("/channels/", {"bot": bot.pk, "kind": "simulator"}, format="json").json()

    assert shown["webhook_url"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "pigeon"}, "kind"),
        ({"kind": "whatsapp", "phone_number_id": "a b"}, "phone_number_id"),
        ({"kind": "whatsapp", "access_token": "secret"}, "phone_number_id"),
        ({"kind": "whatsapp", "phone_number_id": "1", "app_secret": "schlüssel"}, "app_secret"),
        ({"kind": "whatsapp", "messages_per_second": 0}, "messages_per_second"),
        ({"kind": "whatsapp", "health": "ok", "colour": "red"}, "colour"),
    ],
)
def test_create_bad_body_names_the_field(api: APIClient, bot: Bot, body: dict[str, str], field: str) -> None:
    response = api.post("/channels/", body | {"bot": bot.pk}, format="json")

    assert response.status_code == 400
    assert list(response.json()["errors"]) == [field]


def test_create_for_a_foreign_bot_is_refused(api: APIClient, other_organization: Organization) -> None:
    body = {"bot": factories.bot(other_organization).pk, "kind": "simulator"}

    response = api.post("/channels/", body, format="json")

    assert (response.status_code, list(response.json()["errors"])) == (400, ["bot"])


def test_create_second_simulator_is_a_conflict(api: APIClient, bot: Bot) -> None:
    api.post("/channels/", {"bot": bot.pk, "kind": "simulator"}, format="json")

    response = api.post("/channels/", {"bot": bot.pk, "kind": "simulator"}, format="json")

    assert (response.status_code, response.json()["code"]) == (409, "simulator_exists")


def test_put_what_get_gave_keeps_secrets(api: APIClient, bot: Bot) -> None:
    channel = factories.channel(bot, kind="whatsapp", **SECRETS)
    shown = api.get(f"/channels/{channel.pk}").json()

    response = api.put(f"/channels/{channel.pk}", shown | {"name": "Shop"}, format="json")

    assert response.json() == shown | {"name": "Shop"}
    assert Channel.objects.get(pk=channel.pk).access_token == "secret-a"


@pytest.mark.parametrize(("told", "status", "kept"), [(20, 200, 20), (0, 400, 80), (10_001, 400, 80)])
def test_patch_messages_a_second(api: APIClient, bot: Bot, told: int, status: int, kept: int) -> None:
    channel = factories.channel(bot)

    response = api.patch(f"/channels/{channel.pk}", {"messages_per_second": told}, format="json")

    channel.refresh_from_db()
    assert (response.status_code, channel.messages_per_second) == (status, kept)


@pytest.mark.parametrize(("token", "kind"), [("secret", "whatsapp"), ("", "whatsapp_sandbox")])
def test_patch_token_decides_the_kind(api: APIClient, bot: Bot, token: str, kind: str) -> None:
    channel = factories.channel(bot)

    shown = api.patch(f"/channels/{channel.pk}", {"access_token": token}, format="json").json()

    assert shown["kind"] == kind


def test_patch_other_bot_or_kind_is_refused(api: APIClient, bot: Bot, organization: Organization) -> None:
    channel = factories.channel(bot)
    body = {"bot": factories.bot(organization).pk, "kind": "simulator"}

    response = api.patch(f"/channels/{channel.pk}", body, format="json")

    assert (response.status_code, sorted(response.json()["errors"])) == (400, ["bot", "kind"])


def test_delete_removes_the_channel(api: APIClient, bot: Bot) -> None:
    channel = factories.channel(bot)

    assert api.delete(f"/channels/{channel.pk}").status_code == 204
    assert not Channel.objects.filter(pk=channel.pk).exists()


@pytest.mark.parametrize(("method", "path"), [("get", ""), ("patch", ""), ("delete", ""), ("post", "/check")])
def test_foreign_channel_is_not_found(
    api: APIClient, other_organization: Organization, method: str, path: str
) -> None:
    channel = factories.channel(factories.bot(other_organization))

    response = getattr(api, method)(f"/channels/{channel.pk}{path}", {}, format="json")

    assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.django_db(transaction=True)
def test_check_working_channel_shows_the_number(api: APIClient, bot: Bot, settings: Settings) -> None:
    channel = factories.channel(
        bot, kind="whatsapp", external_id=DEFAULT_NUMBER_ID, access_token=DEFAULT_TOKEN
    )
    channels.disable(channel, reason="auth_failed")
    with GraphFake() as graph:
        settings.WHATSAPP_API_BASE_URL = graph.url
        response = api.post(f"/channels/{channel.pk}/check")

    assert response.status_code == 200
    assert response.json() == {
        "ok": True,
        "health": "ok",
        "display_phone_number": "+1 555-0100",
        "verified_name": "Fiction Flowers",
        "quality_rating": "GREEN",
        "problem": None,
    }


@pytest.mark.django_db(transaction=True)
def test_check_wrong_token_tells_the_problem(api: APIClient, bot: Bot, settings: Settings) -> None:
    channel = factories.channel(
        bot, kind="whatsapp", external_id=DEFAULT_NUMBER_ID, access_token="wrong-token"
    )
    with GraphFake() as graph:
        settings.WHATSAPP_API_BASE_URL = graph.url
        response = api.post(f"/channels/{channel.pk}/check/")

    shown = response.json()
    assert (shown["ok"], shown["health"], shown["problem"]["kind"]) == (
        False,
        ChannelHealth.DISABLED,
        "auth_failed",
    )
    assert shown["problem"]["code"] == 190
    assert "wrong-token" not in response.content.decode()


@pytest.mark.django_db(transaction=True)
def test_check_unreachable_vendor_is_a_problem_and_no_error(
    api: APIClient, bot: Bot, settings: Settings
) -> None:
    channel = factories.channel(bot, kind="whatsapp", access_token="secret")
    with GraphFake() as graph:
        settings.WHATSAPP_API_BASE_URL = graph.url

    shown = api.post(f"/channels/{channel.pk}/check").json()

    assert (shown["ok"], shown["health"], shown["problem"]["kind"]) == (False, "ok", "transient")


def test_list_decrypts_nothing_and_costs_the_same_for_many(
    api: APIClient, bot: Bot, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(8):
        factories.channel(bot, kind="whatsapp", external_id=str(number), access_token="secret")
    api.get("/channels/")  # notes the key's use
    _garble_secrets()

    with django_assert_num_queries(3):  # key, count, rows
        shown = api.get("/channels/").json()

    assert [channel["has_access_token"] for channel in shown["results"]] == [True] * 8


@pytest.mark.parametrize(
    ("query", "count"),
    [("kind=simulator", 1), ("health=disabled", 1), ("bot=999999", 0), ("search=shop", 1), ("", 3)],
)
def test_list_can_be_narrowed(api: APIClient, bot: Bot, query: str, count: int) -> None:
    factories.channel(bot, name="Shop")
    factories.channel(bot, health=ChannelHealth.DISABLED)
    factories.channel(bot, kind="simulator", external_id="")

    assert api.get(f"/channels/?{query}").json()["count"] == count


@pytest.mark.parametrize(
    "query", ["kind=pigeon", "bot=99999999999999999999", "bot=1.5", "bot=x", "health=good"]
)
def test_list_filter_that_makes_no_sense_is_a_bad_request(api: APIClient, query: str) -> None:
    response = api.get(f"/channels/?{query}")

    assert (response.status_code, list(response.json()["errors"])) == (400, [query.split("=")[0]])


@pytest.mark.parametrize(
    ("role", "method", "path", "status"),
    [
        ("viewer", "get", "", 200),
        ("editor", "patch", "", 403),
        ("editor", "post", "/check", 403),
        ("admin", "patch", "", 200),
        ("admin", "post", "/check", 200),
        ("editor", "delete", "", 403),
    ],
)
def test_roles_decide(
    api_for: ApiFor, organization: Organization, bot: Bot, role: str, method: str, path: str, status: int
) -> None:
    channel = factories.channel(bot)

    response = getattr(api_for(organization, role=role), method)(
        f"/channels/{channel.pk}{path}", {}, format="json"
    )

    assert response.status_code == status
