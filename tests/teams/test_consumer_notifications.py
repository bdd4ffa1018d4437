"""`/ws`: notifications, each once and in order, whatever is lost on the way."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.db import transaction

from chatboost.core import live
from teams import consumers
from teams.consumers import Live
from teams.models import Membership, Notification, Organization, User
from teams.realtime import outbox, postbox
from teams.roles import Role
from teams.services import organizations
from tests import factories
from tests.teams.inbox_rows import tell
from tests.teams.socket_client import SocketClient, ask, ready

pytestmark = pytest.mark.django_db(transaction=True)

Open = Callable[..., Awaitable[SocketClient]]
SignIn = Callable[[User], dict[str, str]]


@pytest.fixture
def user(organization: Organization) -> User:
    return factories.member(organization)


@pytest.fixture
def bearer(user: User, sign_in: SignIn) -> str:
    return f"bearer.{sign_in(user)['access_token']}"


async def resumed(socket: SocketClient, cursor: int) -> list[dict[str, Any]]:
    """Resume, and return the notifications that come before the answer."""
    await socket.send_json(type="resume", cursor=cursor)
    frames = [await socket.receive_json()]
    while frames[-1]["type"] != "resumed":
        frames.append(await socket.receive_json())
    return frames[:-1]


def titles(frames: list[dict[str, Any]]) -> list[str]:
    return [frame["data"]["title"] for frame in frames]


# Live


async def test_ready_names_the_cursor_and_what_is_unread(
    open_socket: Open, organization: Organization, other_organization: Organization, user: User, bearer: str
) -> None:
    await sync_to_async(tell)(user, organization, "a", "b")
    await sync_to_async(tell)(user, other_organization, "elsewhere")

    socket = await open_socket(bearer)

    assert await socket.receive_json() == {"type": "ready", "organization": "acme", "cursor": 3, "unread": 2}


async def test_notification_comes_live_with_everything_a_client_shows(
    open_socket: Open, organization: Organization, user: User, bearer: str
) -> None:
    socket = await open_socket(bearer)
    await ready(socket)
    await resumed(socket, 0)

    (row,) = await sync_to_async(tell)(user, organization, "Hello")

    assert await socket.receive_json() == {
        "type": "notification",
        "id": row.pk,
        "cursor": 1,
        "data": {
            "type": "system",
            "severity": "info",
            "title": "Hello",
            "body": "",
            "url": "",
            "created_at": row.created_at.isoformat().replace("+00:00", "Z"),
            "is_read": False,
        },
    }


class Hasty(Live):
    """A socket that does not wait long for a client to resume."""

    resume_seconds = 0.1


async def test_client_that_never_resumes_gets_what_comes(
    open_socket: Open, organization: Organization, user: User, bearer: str
) -> None:
    socket = await open_socket(bearer, consumer=Hasty)
    await ready(socket)

    await sync_to_async(tell)(user, organization, "Hello")

    assert titles([await socket.receive_json()]) == ["Hello"]


async def test_others_notifications_and_those_of_other_organizations_do_not_come(
    open_socket: Open, organization: Organization, other_organization: Organization, user: User, bearer: str
) -> None:
    await sync_to_async(organizations.add_member)(
        organization=other_organization, user=user, role=Role.VIEWER
    )
    socket = await open_socket(bearer, query="organization=acme")
    await ready(socket)
    await resumed(socket, 0)
    colleague = await sync_to_async(factories.member)(organization)

    await sync_to_async(tell)(colleague, organization, "not mine")
    await sync_to_async(tell)(user, other_organization, "not here")
    await sync_to_async(tell)(user, organization, "mine")

    frame = await socket.receive_json()
    assert (frame["data"]["title"], frame["cursor"]) == ("mine", 2)
    assert await socket.receive_nothing(timeout=0.1)


async def test_resumed_socket_leaves_out_other_organizations(
    open_socket: Open, organization: Organization, other_organization: Organization, user: User, bearer: str
) -> None:
    await sync_to_async(tell)(user, organization, "here")
    await sync_to_async(tell)(user, other_organization, "elsewhere")
    socket = await open_socket(bearer)
    await ready(socket)

    assert titles(await resumed(socket, 0)) == ["here"]


async def test_every_socket_of_a_user_gets_each_once(
    open_socket: Open, organization: Organization, user: User, bearer: str
) -> None:
    sockets = [await open_socket(bearer) for _ in range(3)]
    for socket in sockets:
        await ready(socket)
        await resumed(socket, 0)

    for title in "abc":
        await sync_to_async(tell)(user, organization, title)

    for socket in sockets:
        assert titles([await socket.receive_json() for _ in range(3)]) == ["a", "b", "c"]
        assert await socket.receive_nothing(timeout=0.05)


async def test_lost_hint_costs_time_only(
    open_socket: Open, organization: Organization, user: User, bearer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postbox, "POLL_SECONDS", 0.05)
    socket = await open_socket(bearer)
    await ready(socket)
    await resumed(socket, 0)

    await sync_to_async(tell)(user, organization, "quiet", is_announced=False)

    assert titles([await socket.receive_json()]) == ["quiet"]


async def test_rolled_back_notification_never_comes(
    open_socket: Open, organization: Organization, user: User, bearer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postbox, "POLL_SECONDS", 0.05)
    socket = await open_socket(bearer)
    await ready(socket)
    await resumed(socket, 0)

    def fail() -> None:
        with transaction.atomic():
            tell(user, organization, "never")
            transaction.set_rollback(True)
        tell(user, organization, "then")

    await sync_to_async(fail)()

    frame = await socket.receive_json()
    assert (frame["data"]["title"], frame["cursor"]) == ("then", 1)


async def test_hint_of_another_process_brings_the_rows(
    real_layer: None, open_socket: Open, organization: Organization, user: User, bearer: str
) -> None:
    socket = await open_socket(bearer)
    await ready(socket)
    await resumed(socket, 0)
    await sync_to_async(tell)(user, organization, "far away", is_announced=False)

    message = {"type": "live.changed", "topics": {f"inbox:{user.pk}": 1}, "origin": "another process"}
    await get_channel_layer().group_send(live.GROUP, message)

    assert titles([await socket.receive_json(timeout=postbox.POLL_SECONDS / 2)]) == ["far away"]


# Resuming


async def test_resume_brings_what_was_missed_in_order_and_then_what_comes(
    open_socket: Open, organization: Organization, user: User, bearer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "RESUMED_AT_ONCE", 2)
    await sync_to_async(tell)(user, organization, *"abcde")
    socket = await open_socket(bearer)
    await ready(socket)

    missed = await resumed(socket, 1)
    await sync_to_async(tell)(user, organization, "f")

    assert titles(missed) == ["b", "c", "d", "e"]
    assert [frame["cursor"] for frame in missed] == [2, 3, 4, 5]
    assert titles([await socket.receive_json()]) == ["f"]


async def test_cursor_in_the_address_resumes_at_once(
    open_socket: Open, organization: Organization, user: User, bearer: str
) -> None:
    await sync_to_async(tell)(user, organization, *"abc")
    socket = await open_socket(bearer, query="cursor=1")
    await ready(socket)

    frames = [await socket.receive_json() for _ in range(3)]
    await sync_to_async(tell)(user, organization, "d")
    frames.append(await socket.receive_json())

    assert [frame["type"] for frame in frames] == ["notification"] * 2 + ["resumed", "notification"]
    assert [frame["cursor"] for frame in frames] == [2, 3, 3, 4]


@pytest.mark.parametrize("cursor", ["-1", "x", "9" * 19, "9" * 30, "1.5", "٣"])
async def test_bad_cursor_in_the_address_gets_an_error_and_the_socket_lives(
    open_socket: Open, organization: Organization, user: User, bearer: str, cursor: str
) -> None:
    socket = await open_socket(bearer, query=f"cursor={quote(cursor)}", consumer=Hasty)
    await ready(socket)

    assert await socket.receive_json() == {"type": "error", "code": "bad_cursor"}
    await sync_to_async(tell)(user, organization, "a")

    assert titles([await socket.receive_json()]) == ["a"]


async def test_told_before_the_client_resumes_comes_after_what_was_missed(
    open_socket: Open, organization: Organization, user: User, bearer: str
) -> None:
    await sync_to_async(tell)(user, organization, "a")
    socket = await open_socket(bearer)
    await ready(socket)
    await sync_to_async(tell)(user, organization, "b")

    await socket.send_json(type="resume", cursor=0)

    frames = [await socket.receive_json() for _ in range(3)]
    assert [frame["type"] for frame in frames] == ["notification", "resumed", "notification"]
    assert titles([frames[0], frames[2]]) == ["a", "b"]


async def test_long_replay_is_not_overtaken_by_what_comes_meanwhile(
    open_socket: Open, organization: Organization, user: User, bearer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "RESUMED_AT_ONCE", 1)
    await sync_to_async(tell)(user, organization, *(str(number) for number in range(60)))
    socket = await open_socket(bearer, consumer=Hasty)
    await ready(socket)

    await socket.send_json(type="resume", cursor=0)
    frames = [await socket.receive_json()]
    await sync_to_async(tell)(user, organization, "late")
    frames += [await socket.receive_json() for _ in range(61)]

    cursors = [frame["cursor"] for frame in frames if frame["type"] == "notification"]
    assert cursors == list(range(1, 62))


async def test_second_resume_brings_only_what_this_socket_has_not_had(
    open_socket: Open, organization: Organization, user: User, bearer: str
) -> None:
    await sync_to_async(tell)(user, organization, *"abcd")
    socket = await open_socket(bearer)
    await ready(socket)

    assert titles(await resumed(socket, 2)) == ["c", "d"]
    assert titles(await resumed(socket, 2)) == []
    assert titles(await resumed(socket, 0)) == ["a", "b"]
    assert titles(await resumed(socket, 0)) == []


async def test_removed_rows_are_gone_and_the_rest_comes(
    open_socket: Open, organization: Organization, user: User, bearer: str
) -> None:
    await sync_to_async(tell)(user, organization, *"abc")
    await sync_to_async(Notification.objects.filter(title="b").delete)()
    socket = await open_socket(bearer)
    await ready(socket)

    assert titles(await resumed(socket, 0)) == ["a", "c"]


@pytest.mark.parametrize("cursor", [3, 4, 2**63 - 1])
async def test_cursor_beyond_the_last_counts_as_the_last(
    open_socket: Open, organization: Organization, user: User, bearer: str, cursor: int
) -> None:
    await sync_to_async(tell)(user, organization, *"abc")
    socket = await open_socket(bearer)
    await ready(socket)

    assert await ask(socket, type="resume", cursor=cursor) == {"type": "resumed", "cursor": 3}
    await sync_to_async(tell)(user, organization, "d")

    assert titles([await socket.receive_json()]) == ["d"]


@pytest.mark.parametrize("cursor", [-1, 2**63, 10**30, 1.0, "1", None, True, [1], {}])
async def test_what_is_no_cursor_gets_an_error_and_the_socket_lives(
    open_socket: Open, organization: Organization, user: User, bearer: str, cursor: object
) -> None:
    socket = await open_socket(bearer)
    await ready(socket)

    assert await ask(socket, type="resume", cursor=cursor) == {"type": "error", "code": "bad_cursor"}
    await sync_to_async(tell)(user, organization, "a")

    await socket.send_json(type="resume", cursor=0)
    frames = [await socket.receive_json() for _ in range(2)]
    assert titles([frame for frame in frames if frame["type"] == "notification"]) == ["a"]


# Marks


async def test_read_elsewhere_is_hinted_to_all_of_the_users_sockets_and_nobody_elses(
    open_socket: Open, organization: Organization, user: User, bearer: str, sign_in: SignIn
) -> None:
    colleague = await sync_to_async(lambda: factories.member(organization))()
    theirs = await open_socket(f"bearer.{(await sync_to_async(sign_in)(colleague))['access_token']}")
    mine = [await open_socket(bearer) for _ in range(2)]
    for socket in [theirs, *mine]:
        await ready(socket)

    await sync_to_async(live.told)([user.pk], is_new=False)

    for socket in mine:
        frame = await socket.receive_json()
        assert (frame["type"], frame["topic"]) == ("changed", "notifications")
        assert isinstance(frame["version"], int)
    assert await theirs.receive_nothing(timeout=0.1)


# Slow clients, lost brokers, ended access


async def test_burst_beyond_the_outbox_comes_whole_and_in_order(
    open_socket: Open, organization: Organization, user: User, bearer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postbox, "ROWS_AT_ONCE", 7)
    socket = await open_socket(bearer, consumer=Small)
    await ready(socket)
    await resumed(socket, 0)
    wanted = [f"n{number}" for number in range(50)]

    await sync_to_async(tell)(user, organization, *wanted)

    assert titles([await socket.receive_json() for _ in wanted]) == wanted
    assert await socket.receive_nothing(timeout=0.05)


class Small(Live):
    """A socket with a small outbox."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._outbox = outbox.Outbox(self._on_drained, limit=4)


async def test_nothing_comes_after_access_has_ended(
    open_socket: Open, organization: Organization, user: User, bearer: str
) -> None:
    socket = await open_socket(bearer)
    await ready(socket)
    await resumed(socket, 0)
    await sync_to_async(Membership.objects.filter(user=user).delete)()
    await live.send({f"user:{user.pk}": 1})
    assert (await socket.receive_json())["code"] == "membership_ended"

    await sync_to_async(tell)(user, organization, "too late")

    assert (await socket.receive_output(timeout=5))["code"] == 4403
    assert await socket.receive_nothing(timeout=0.1)


async def test_healing_hints_every_topic_and_asks_after_the_user(
    open_socket: Open, organization: Organization, user: User, bearer: str, gadget_topic: None
) -> None:
    socket = await open_socket(bearer)
    await ready(socket)
    await ask(socket, type="subscribe", topic=f"gadget:{organization.pk}")

    postbox.here().heal()

    hinted = {(await socket.receive_json())["topic"] for _ in range(2)}
    assert hinted == {"notifications", f"gadget:{organization.pk}"}
