"""`/ws`: access that ends while the socket is open, and what a hostile client can't do."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis.asyncio
from asgiref.sync import sync_to_async
from channels.auth import AuthMiddlewareStack
from channels.layers import get_channel_layer

from chatboost.core import clock, live
from teams import consumers
from teams.consumers import Live
from teams.errors import Unauthenticated
from teams.models import Membership, Organization, User
from teams.roles import Role
from teams.services import sessions
from teams.services.socket_access import Visitor
from tests import factories
from tests.core.cache_server import CacheServer
from tests.teams.socket_client import HOST, SocketClient, ask, expect_refusal, ready

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("gadget_topic")]

Open = Callable[..., Awaitable[SocketClient]]


async def key_of(token: str) -> str:
    """Return the session behind an access token."""
    validated = await sync_to_async(sessions.validate)(token)
    assert validated is not None
    key = sessions.key_of(validated[1])
    assert key is not None
    return key


# Access that ends


async def test_removed_member_is_closed_with_4403_at_the_next_subscribe(
    open_socket: Open, organization: Organization, token: str
) -> None:
    socket = await open_socket(f"bearer.{token}")
    await ready(socket)
    await sync_to_async(Membership.objects.filter(organization=organization).delete)()

    await socket.send_json(type="subscribe", topic=f"gadget:{organization.pk}")

    await expect_refusal(socket, "membership_ended", 4403)


async def test_membership_that_ends_while_the_socket_opens_is_noticed_at_once(
    open_socket: Open, organization: Organization, token: str
) -> None:
    class Late(Live):
        async def _admit(self, offered: list[str]) -> Visitor:
            visitor = await super()._admit(offered)
            await sync_to_async(Membership.objects.filter(organization=organization).delete)()
            return visitor

    socket = await open_socket(f"bearer.{token}", consumer=Late)

    await expect_refusal(socket, "membership_ended", 4403)


async def test_role_that_shrinks_takes_its_topics_along(
    open_socket: Open, organization: Organization, token: str
) -> None:
    live.register_topic("safe", lambda organization, number: True, permission="core.view_workitem")
    socket = await open_socket(f"bearer.{token}")
    await ready(socket)
    seat = await sync_to_async(Membership.objects.latest)("id")
    for topic in ("safe:1", f"gadget:{organization.pk}"):
        await socket.send_json(type="subscribe", topic=topic)
        assert await socket.receive_json() == {"type": "subscribed", "topic": topic}
    await sync_to_async(Membership.objects.filter(pk=seat.pk).update)(role=Role.VIEWER)

    await live.send({f"user:{seat.user_id}": 1})

    assert await socket.receive_json() == {"type": "error", "code": "forbidden_topic", "topic": "safe:1"}
    await live.send({"safe:1": 2, f"gadget:{organization.pk}": 3})
    heard = await socket.receive_json()
    live._topics.pop("safe")
    assert (heard["type"], heard["topic"]) == ("changed", f"gadget:{organization.pk}")


async def test_announced_access_that_did_not_change_says_nothing(
    open_socket: Open, organization: Organization, token: str
) -> None:
    socket = await open_socket(f"bearer.{token}")
    await ready(socket)
    user_id = await sync_to_async(lambda: Membership.objects.latest("id").user_id)()

    await live.send({f"user:{user_id}": 1})

    assert await socket.receive_nothing(timeout=0.2)


async def test_announced_change_arrives_from_another_thread(
    real_layer: None, open_socket: Open, organization: Organization, token: str
) -> None:
    socket = await open_socket(f"bearer.{token}")
    await ready(socket)
    topic = f"gadget:{organization.pk}"
    await ask(socket, type="subscribe", topic=topic)

    await sync_to_async(live.changed)(topic)

    frame = await socket.receive_json()
    assert (frame["type"], frame["topic"]) == ("changed", topic)


async def test_broker_that_comes_late_makes_followers_look_again(
    real_layer: None, layer_server: CacheServer, open_socket: Open, organization: Organization, token: str
) -> None:
    topic = f"gadget:{organization.pk}"
    layer_server.freeze()
    try:
        socket = await open_socket(f"bearer.{token}")
        await ready(socket)
        await ask(socket, type="subscribe", topic=topic)
    finally:
        layer_server.thaw()

    hinted = {(await socket.receive_json(timeout=10))["topic"] for _ in range(2)}

    assert hinted == {"notifications", topic}


async def test_flushed_broker_makes_followers_look_again_and_then_hears_as_before(
    real_layer: None, layer_url: str, open_socket: Open, organization: Organization, token: str
) -> None:
    socket = await open_socket(f"bearer.{token}")
    await ready(socket)
    topic = f"gadget:{organization.pk}"
    await ask(socket, type="subscribe", topic=topic)

    async with redis.asyncio.from_url(layer_url) as valkey:
        await valkey.flushall()

    hinted = {(await socket.receive_json(timeout=10))["topic"] for _ in range(2)}
    assert hinted == {"notifications", topic}
    message = {"type": "live.changed", "topics": {topic: 7}, "origin": "another process"}
    await get_channel_layer().group_send(live.GROUP, message)
    assert await socket.receive_json() == {"type": "changed", "topic": topic, "version": 7}


async def test_removed_member_is_closed_with_4403_when_it_is_announced(
    real_layer: None, open_socket: Open, organization: Organization, token: str
) -> None:
    socket = await open_socket(f"bearer.{token}")
    await ready(socket)
    user_id = await sync_to_async(lambda: Membership.objects.latest("id").user_id)()
    await sync_to_async(Membership.objects.filter(user_id=user_id).delete)()

    await sync_to_async(sessions.announce)(user_id)

    assert await socket.receive_json() == {"type": "error", "code": "membership_ended"}
    assert (await socket.receive_output(timeout=5))["code"] == 4403


async def test_signed_out_session_is_closed_with_4401_at_once(
    real_layer: None, open_socket: Open, organization: Organization, token: str
) -> None:
    socket = await open_socket(f"bearer.{token}")
    await ready(socket)

    await sync_to_async(sessions.end)(await key_of(token))

    assert await socket.receive_json() == {"type": "error", "code": "session_ended"}
    assert (await socket.receive_output(timeout=5))["code"] == 4401


async def test_reused_refresh_token_closes_the_sockets_of_its_session(
    open_socket: Open, organization: Organization, sign_in: Callable[..., dict[str, str]]
) -> None:
    pair = await sync_to_async(lambda: sign_in(factories.member(organization)))()
    socket = await open_socket(f"bearer.{pair['access_token']}")
    await ready(socket)
    await sync_to_async(sessions.refresh)(pair["refresh_token"])

    with pytest.raises(Unauthenticated):
        await sync_to_async(sessions.refresh)(pair["refresh_token"])

    await expect_refusal(socket, "session_ended", 4401)


async def test_deactivated_user_is_closed_with_4401(
    open_socket: Open, organization: Organization, token: str
) -> None:
    socket = await open_socket(f"bearer.{token}")
    await ready(socket)
    user_id = await sync_to_async(lambda: Membership.objects.latest("id").user_id)()
    await sync_to_async(User.objects.filter(pk=user_id).update)(is_active=False)

    await sync_to_async(sessions.announce)(user_id)

    await expect_refusal(socket, "session_ended", 4401)


async def test_member_of_a_deleted_organization_is_closed_with_4403(
    open_socket: Open, organization: Organization, token: str
) -> None:
    socket = await open_socket(f"bearer.{token}")
    await ready(socket)
    user_id = await sync_to_async(lambda: Membership.objects.latest("id").user_id)()
    marks = {"is_active": False, "deleted_at": clock.now()}
    await sync_to_async(Organization.objects.filter(pk=organization.pk).update)(**marks)

    await sync_to_async(sessions.announce)(user_id)

    await expect_refusal(socket, "membership_ended", 4403)


async def test_socket_outlives_its_access_token_but_not_the_session(
    open_socket: Open, organization: Organization, sign_in: Callable[..., dict[str, str]], settings: Any
) -> None:
    settings.HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN = 1
    text = (await sync_to_async(lambda: sign_in(factories.member(organization)))())["access_token"]
    key = await key_of(text)
    socket = await open_socket(f"bearer.{text}")
    await ready(socket)
    while await sync_to_async(sessions.validate)(text):
        await asyncio.sleep(0.05)

    topic = f"gadget:{organization.pk}"
    assert (await ask(socket, type="subscribe", topic=topic))["type"] == "subscribed"
    await expect_refusal(await open_socket(f"bearer.{text}"), "invalid_token", 4401)
    await sync_to_async(sessions.end)(key)
    await expect_refusal(socket, "session_ended", 4401)


async def test_closed_socket_gets_no_more_hints(
    open_socket: Open, organization: Organization, token: str
) -> None:
    socket = await open_socket(f"bearer.{token}")
    await ready(socket)
    topic = f"gadget:{organization.pk}"
    await ask(socket, type="subscribe", topic=topic)
    await sync_to_async(Membership.objects.all().delete)()
    await socket.send_json(type="subscribe", topic="gadget:1000")
    await expect_refusal(socket, "membership_ended", 4403)

    await live.send({topic: 1})
    await socket.send_json(type="subscribe", topic=topic)

    assert await socket.receive_nothing(timeout=0.2)


class Quick(Live):
    """A socket that is impatient."""

    ping_seconds = 0.05
    send_seconds = 0.2


async def test_ping_comes_and_an_ended_membership_is_noticed_by_it(
    open_socket: Open, organization: Organization, token: str
) -> None:
    socket = await open_socket(f"bearer.{token}", consumer=Quick)
    await ready(socket)
    assert await socket.receive_json() == {"type": "ping"}
    await sync_to_async(Membership.objects.all().delete)()

    frames = [await socket.receive_output(timeout=5)]
    while frames[-1]["type"] != "websocket.close":
        frames.append(await socket.receive_output(timeout=5))

    assert frames[-1]["code"] == 4403


# Hostile clients


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "malformed_frame"),
        ("{", "malformed_frame"),
        ("[]", "malformed_frame"),
        ("null", "malformed_frame"),
        ("7", "malformed_frame"),
        ("[" * 20_000, "malformed_frame"),
        ('{"type":"subscribe"}', "malformed_frame"),
        ('{"type":"subscribe","topic":7}', "malformed_frame"),
        ('{"type":"unsubscribe","topic":["gadget:1"]}', "malformed_frame"),
        ("{}", "malformed_frame"),
        ('{"type":"live.changed","topic":"gadget:1","version":1}', "unknown_type"),
        ('{"type":["subscribe"]}', "unknown_type"),
        ('{"type":NaN}', "unknown_type"),
    ],
)
async def test_malformed_frame_gets_an_error_and_the_socket_lives(
    open_socket: Open, organization: Organization, token: str, text: str, code: str
) -> None:
    socket = await open_socket(f"bearer.{token}")
    await ready(socket)

    await socket.send_text(text)

    assert await socket.receive_json() == {"type": "error", "code": code}
    assert (await ask(socket, type="subscribe", topic=f"gadget:{organization.pk}"))["type"] == "subscribed"


async def test_binary_frame_gets_an_error(open_socket: Open, token: str) -> None:
    socket = await open_socket(f"bearer.{token}")
    await ready(socket)

    await socket.send_input({"type": "websocket.receive", "bytes": b"\xff\x00"})

    assert (await socket.receive_json())["code"] == "malformed_frame"


@pytest.mark.parametrize("size", [consumers.MAX_FRAME_BYTES + 3, 1024 * 1024])
@pytest.mark.parametrize("character", ["x", "€"])
async def test_frame_over_64_kib_is_closed_with_1009(
    open_socket: Open, token: str, character: str, size: int
) -> None:
    socket = await open_socket(f"bearer.{token}")
    await ready(socket)

    await socket.send_text(character * (size // len(character.encode())))

    await expect_refusal(socket, "frame_too_big", 1009)


@pytest.mark.parametrize("frame", [{"type": "pong"}, {"type": "resume", "cursor": 0}])
async def test_thousand_frames_at_once_are_closed_with_1008(
    open_socket: Open, token: str, frame: dict[str, Any]
) -> None:
    socket = await open_socket(f"bearer.{token}")
    await ready(socket)

    for _ in range(1000):
        await socket.send_json(**frame)

    while (last := await socket.receive_output(timeout=5))["type"] == "websocket.send":
        said = json.loads(last["text"])
    assert said == {"type": "error", "code": "too_many_frames"}
    assert last == {"type": "websocket.close", "code": 1008}


async def test_socket_beyond_what_a_user_may_have_is_closed_with_1008(
    open_socket: Open,
    organization: Organization,
    token: str,
    sign_in: Callable[[User], dict[str, str]],
    settings: Any,
) -> None:
    settings.SOCKETS_PER_USER = 2
    first, second = [await open_socket(f"bearer.{token}") for _ in range(2)]
    for socket in (first, second):
        await ready(socket)

    await expect_refusal(await open_socket(f"bearer.{token}"), "too_many_sockets", 1008)

    other = await sync_to_async(lambda: sign_in(factories.member(organization))["access_token"])()
    await ready(await open_socket(f"bearer.{other}"))
    await first.disconnect()
    await ready(await open_socket(f"bearer.{token}"))


async def test_frames_before_admission_of_a_stranger_do_nothing(open_socket: Open) -> None:
    socket = await open_socket()
    await expect_refusal(socket, "not_authenticated", 4401)

    await socket.send_json(type="subscribe", topic="gadget:1")

    assert await socket.receive_nothing(timeout=0.1)


async def test_client_that_does_not_read_is_dropped(organization: Organization, token: str) -> None:
    incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        if len(sent) == 2:
            await asyncio.Event().wait()
        sent.append(message)

    await incoming.put({"type": "websocket.connect"})
    scope = {
        "type": "websocket",
        "path": "/ws",
        "headers": [HOST],
        "query_string": b"",
        "subprotocols": [f"bearer.{token}"],
    }

    await asyncio.wait_for(AuthMiddlewareStack(Quick.as_asgi())(scope, incoming.get, send), timeout=10)

    assert [json.loads(frame["text"])["type"] for frame in sent if "text" in frame] == ["ready"]
