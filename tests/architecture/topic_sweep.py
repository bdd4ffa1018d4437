"""Asks, on a real socket, to follow the rows of another organization: every topic there is."""

from typing import Any

from asgiref.sync import async_to_sync
from channels.auth import AuthMiddlewareStack

from chatboost.core import live
from teams.consumers import Live
from tests.architecture import operations
from tests.architecture.tenants import Tenant, Tenants, model_of_noun
from tests.teams.socket_client import HOST, SocketClient, ask, ready


def topic_of(noun: str, tenant: Tenant) -> str:
    """Return the topic about the tenant's row."""
    model = model_of_noun(noun)
    assert model is not None, f"a topic is called as its model: {noun}"
    return f"{noun}:{tenant.row(model).pk}"


def leaking_topics(both: Tenants) -> list[str]:
    """Return the topics of A that a member of B is let to follow."""
    return [topic for topic, said in _answers(both, both.a).items() if said != "forbidden_topic"]


def refused_topics(both: Tenants) -> list[str]:
    """Return the topics of B that a member of B is not let to follow."""
    return [topic for topic, said in _answers(both, both.b).items() if said != "subscribed"]


def _answers(both: Tenants, of: Tenant) -> dict[str, str]:
    token = operations.token_of(both.b.owner)
    return async_to_sync(_subscribe)(token, [topic_of(noun, of) for noun in sorted(live.topics())])


async def _subscribe(token: str, topics: list[str]) -> dict[str, str]:
    # Beneath async_to_sync the database is asked in the test's own thread, and so in its transaction.
    socket = SocketClient(
        AuthMiddlewareStack(Live.as_asgi()),
        query="",
        headers=[HOST],
        subprotocols=["chatboost.v1", f"bearer.{token}"],
    )
    await socket.connect()
    await ready(socket)
    answers: dict[str, str] = {}
    for topic in topics:
        frame: dict[str, Any] = await ask(socket, type="subscribe", topic=topic)
        answers[topic] = frame.get("code") or frame["type"]
    await socket.disconnect()
    return answers
