"""Fixtures of the teams' tests: a clean cache, since limits live there, and signed-in callers."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis
from channels.auth import AuthMiddlewareStack
from channels.layers import channel_layers
from django.core.cache import cache
from rest_framework.test import APIClient

from chatboost.core import clock, live
from teams.consumers import Live
from teams.models import Organization, TelegramBoard, TelegramChat, User
from teams.roles import Role
from teams.services import telegram
from tests import factories
from tests.core.cache_server import CacheServer, cache_server
from tests.fakes.telegram import CHAT, TOKEN, TelegramFake
from tests.teams.boards import KINDS, say
from tests.teams.notices import work_until_quiet
from tests.teams.socket_client import HOST, ORIGIN, Header, SocketClient

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def clean_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def sign_in() -> Callable[[User], dict[str, str]]:
    """Return the token pair of a user: `sign_in(user)["access_token"]`."""

    def make(user: User) -> dict[str, str]:
        answer = APIClient().post("/auth/token", {"email": user.email, "password": PASSWORD}, format="json")
        assert answer.status_code == 200, answer.json()
        return dict(answer.json())

    return make


@pytest.fixture
def bearer(sign_in: Callable[[User], dict[str, str]]) -> Callable[[User], APIClient]:
    """Return a client that holds a user's access token."""

    def make(user: User) -> APIClient:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {sign_in(user)['access_token']}")
        return client

    return make


def with_token(token: str) -> APIClient:
    """Return a client that holds an access token."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


@pytest.fixture
def gadget_topic() -> Iterator[None]:
    """A room's topic: a gadget belongs to the organization whose id it has."""
    live.register_topic(
        "gadget", lambda organization, number: number == organization.pk, permission="teams.view_organization"
    )
    yield
    live._topics.pop("gadget")


@pytest.fixture
async def open_socket() -> AsyncIterator[Callable[..., Awaitable[SocketClient]]]:
    """Open sockets and end them after the test."""
    channel_layers.backends = {}
    opened: list[SocketClient] = []

    async def make(
        *protocols: str,
        headers: list[Header] | None = None,
        query: str = "",
        consumer: type[Live] = Live,
    ) -> SocketClient:
        socket = SocketClient(
            AuthMiddlewareStack(consumer.as_asgi()),
            query=query,
            headers=[HOST, ORIGIN] if headers is None else headers,
            subprotocols=list(protocols),
        )
        assert (await socket.connect())["type"] == "websocket.accept"
        opened.append(socket)
        return socket

    yield make
    for socket in opened:
        await socket.disconnect()


@pytest.fixture
def token(organization: Organization, sign_in: Callable[[User], dict[str, str]]) -> str:
    return sign_in(factories.member(organization))["access_token"]


@pytest.fixture(scope="session")
def layer_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CacheServer]:
    """A Valkey behind a Unix socket: suites side by side would look for the same free port."""
    with cache_server(tmp_path_factory.mktemp("l")) as running:
        yield running


@pytest.fixture
def layer_url(layer_server: CacheServer) -> str:
    """Where the channel layer is, empty."""
    with redis.from_url(layer_server.url) as client:
        client.flushall()
    return layer_server.url


@pytest.fixture
def real_layer(settings: Any, layer_url: str) -> None:
    """A channel layer that crosses threads and processes, as in production."""
    hosts = [{"address": layer_url, "socket_timeout": None}]
    settings.CHANNEL_LAYERS = {
        "default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": hosts}}
    }


@pytest.fixture
def fake(settings: Any) -> Iterator[TelegramFake]:
    with TelegramFake() as running:
        settings.TELEGRAM_API_URL = running.url
        settings.VENDOR_DEADLINE = timedelta(seconds=1)
        # Redis has a clock of its own, which no test can move: the pace is counted in the database.
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
        yield running


@pytest.fixture
def admin(organization: Organization) -> User:
    return factories.member(organization, Role.ADMIN)


@pytest.fixture
def chat(fake: TelegramFake, organization: Organization, admin: User) -> TelegramChat:
    return telegram.save(organization=organization, bot_token=TOKEN, chat_id=CHAT, actor=admin)


@pytest.fixture
def shown(chat: TelegramChat, organization: Organization) -> TelegramBoard:
    """A board that stands in the chat and says "one"."""
    board = say(organization, "one", clock.now() - timedelta(minutes=1))
    work_until_quiet(KINDS)
    board.refresh_from_db()
    return board
