"""`/ws`: who gets in, and what they may follow."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.auth import AuthMiddlewareStack
from django.test import Client

from chatboost.core import live
from teams.consumers import Live
from teams.models import Membership, Organization, User
from teams.roles import Role
from teams.services import organization_choice, organizations
from tests import factories
from tests.teams.socket_client import HOST, ORIGIN, Header, SocketClient, ask, expect_refusal, ready

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("gadget_topic")]

SignIn = Callable[[User], dict[str, str]]
Open = Callable[..., Awaitable[SocketClient]]


def cookie_of(user: User, chosen: Organization | None = None) -> Header:
    client = Client()
    client.force_login(user, factories.SIGN_IN)
    if chosen:
        session = client.session
        session[organization_choice.SESSION_KEY] = chosen.pk
        session.save()
    return (b"cookie", f"sessionid={client.cookies['sessionid'].value}".encode())


# Who gets in


async def test_bearer_subprotocol_gets_in_and_is_not_echoed(token: str) -> None:
    socket = SocketClient(
        AuthMiddlewareStack(Live.as_asgi()),
        query="",
        headers=[HOST],
        subprotocols=["chatboost.v1", f"bearer.{token}"],
    )

    accepted = await socket.connect()

    assert accepted == {"type": "websocket.accept", "subprotocol": "chatboost.v1"}
    assert await ready(socket) == "acme"
    await socket.disconnect()


async def test_bearer_needs_no_origin(open_socket: Open, token: str) -> None:
    foreign = [HOST, (b"origin", b"https://elsewhere.example")]

    assert await ready(await open_socket("chatboost.v1", f"bearer.{token}", headers=foreign)) == "acme"


async def test_cookie_with_own_origin_gets_in(open_socket: Open, organization: Organization) -> None:
    cookie = await sync_to_async(lambda: cookie_of(factories.member(organization)))()

    assert await ready(await open_socket(headers=[HOST, ORIGIN, cookie])) == "acme"


async def test_nobody_is_closed_with_4401(open_socket: Open) -> None:
    await expect_refusal(await open_socket(), "not_authenticated", 4401)


@pytest.mark.parametrize("text", ["x", "", "a.b.c", "null"])
async def test_bad_token_is_closed_with_4401(open_socket: Open, text: str, db: None) -> None:
    await expect_refusal(await open_socket("chatboost.v1", f"bearer.{text}"), "invalid_token", 4401)


async def test_refresh_token_is_closed_with_4401(
    open_socket: Open, organization: Organization, sign_in: SignIn
) -> None:
    pair = await sync_to_async(lambda: sign_in(factories.member(organization)))()

    await expect_refusal(await open_socket(f"bearer.{pair['refresh_token']}"), "invalid_token", 4401)


async def test_bad_token_does_not_fall_back_to_the_cookie(
    open_socket: Open, organization: Organization
) -> None:
    cookie = await sync_to_async(lambda: cookie_of(factories.member(organization)))()

    await expect_refusal(await open_socket("bearer.x", headers=[HOST, ORIGIN, cookie]), "invalid_token", 4401)


async def test_token_in_the_address_is_not_read(open_socket: Open, token: str) -> None:
    await expect_refusal(
        await open_socket(query=f"token={token}&access_token={token}"), "not_authenticated", 4401
    )


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "",
        "https://elsewhere.example",
        "http://testserver.elsewhere.example",
        "http://testserver:81",
        "http://elsewhere.example@testserver.example",
        "file://testserver",
        "testserver",
        "http://[",
    ],
)
async def test_cookie_with_foreign_origin_is_closed_with_4403(
    open_socket: Open, organization: Organization, origin: str | None
) -> None:
    cookie = await sync_to_async(lambda: cookie_of(factories.member(organization)))()
    headers = [HOST, cookie] + ([(b"origin", origin.encode())] if origin is not None else [])

    await expect_refusal(await open_socket(headers=headers), "forbidden_origin", 4403)


async def test_cookie_under_a_host_that_is_not_ours_is_closed_with_4403(
    open_socket: Open, organization: Organization, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]
    cookie = await sync_to_async(lambda: cookie_of(factories.member(organization)))()
    rebound = [(b"host", b"rebound.example"), (b"origin", b"http://rebound.example"), cookie]

    await expect_refusal(await open_socket(headers=rebound), "forbidden_origin", 4403)


@pytest.mark.parametrize("trusted", ["https://console.example", "https://*.example"])
async def test_cookie_with_trusted_origin_gets_in(
    open_socket: Open, organization: Organization, settings: Any, trusted: str
) -> None:
    settings.CSRF_TRUSTED_ORIGINS = [trusted]
    cookie = await sync_to_async(lambda: cookie_of(factories.member(organization)))()

    socket = await open_socket(headers=[HOST, (b"origin", b"https://console.example"), cookie])

    assert await ready(socket) == "acme"


async def test_user_without_membership_is_closed_with_4403(open_socket: Open, sign_in: SignIn) -> None:
    pair = await sync_to_async(lambda: sign_in(factories.user()))()

    await expect_refusal(await open_socket(f"bearer.{pair['access_token']}"), "no_organization", 4403)


def member_of_both(first: Organization, second: Organization) -> User:
    user = factories.member(first)
    organizations.add_member(organization=second, user=user, role=Role.VIEWER)
    return user


async def test_member_of_several_names_the_organization_of_a_token(
    open_socket: Open, organization: Organization, other_organization: Organization, sign_in: SignIn
) -> None:
    pair = await sync_to_async(lambda: sign_in(member_of_both(organization, other_organization)))()
    bearer = f"bearer.{pair['access_token']}"

    await expect_refusal(await open_socket(bearer), "organization_required", 4403)
    assert await ready(await open_socket(bearer, query="organization=globex")) == "globex"


async def test_naming_a_foreign_organization_is_closed_with_4403(
    open_socket: Open, token: str, other_organization: Organization
) -> None:
    socket = await open_socket(f"bearer.{token}", query="organization=globex")

    await expect_refusal(socket, "organization_not_found", 4403)


async def test_cookie_is_about_the_consoles_choice(
    open_socket: Open, organization: Organization, other_organization: Organization
) -> None:
    def make() -> Header:
        return cookie_of(member_of_both(organization, other_organization), other_organization)

    assert await ready(await open_socket(headers=[HOST, ORIGIN, await sync_to_async(make)()])) == "globex"


# Topics


async def test_subscriber_of_an_own_topic_gets_its_hints_without_a_cursor(
    open_socket: Open, organization: Organization, token: str
) -> None:
    socket = await open_socket(f"bearer.{token}")
    await ready(socket)
    topic = f"gadget:{organization.pk}"

    assert await ask(socket, type="subscribe", topic=topic) == {"type": "subscribed", "topic": topic}
    await live.send({topic: 7})

    assert await socket.receive_json() == {"type": "changed", "topic": topic, "version": 7}


async def test_unsubscribed_topic_is_quiet(open_socket: Open, organization: Organization, token: str) -> None:
    socket = await open_socket(f"bearer.{token}")
    await ready(socket)
    topic = f"gadget:{organization.pk}"
    await ask(socket, type="subscribe", topic=topic)

    assert await ask(socket, type="unsubscribe", topic=topic) == {"type": "unsubscribed", "topic": topic}
    await live.send({topic: 7})

    assert await socket.receive_nothing(timeout=0.2)


@pytest.mark.parametrize(
    "topic",
    [
        "gadget:{foreign}",
        "gadget:0",
        "gadget:",
        "gadget",
        "",
        "nothing:1",
        "user:{me}",
        "gadget:-1",
        "gadget:1e3",
        "gadget:٣",
        "gadget:" + "9" * 19,
        "gadget:1\u0000",
        "../gadget:1",
        "gadget:1:2",
        "x" * 1000,
        "\ud800",
    ],
)
async def test_topic_of_others_or_of_nobody_is_forbidden(
    open_socket: Open, organization: Organization, other_organization: Organization, token: str, topic: str
) -> None:
    socket = await open_socket(f"bearer.{token}")
    await ready(socket)
    me = await sync_to_async(
        lambda: Membership.objects.filter(organization=organization).latest("id").user_id
    )()

    answer = await ask(socket, type="subscribe", topic=topic.format(foreign=other_organization.pk, me=me))
    await live.send({f"gadget:{other_organization.pk}": 1})

    assert (answer["type"], answer["code"]) == ("error", "forbidden_topic")
    assert await socket.receive_nothing(timeout=0.1)


async def test_more_than_fifty_topics_are_refused(
    open_socket: Open, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.register_topic("gadget", lambda organization, number: True, permission="teams.view_organization")
    socket = await open_socket(f"bearer.{token}")
    await ready(socket)

    answers = [await ask(socket, type="subscribe", topic=f"gadget:{number}") for number in range(1, 52)]

    assert [answer["type"] for answer in answers[:50]] == ["subscribed"] * 50
    assert answers[50]["code"] == "too_many_topics"
    assert (await ask(socket, type="subscribe", topic="gadget:1"))["type"] == "subscribed"
