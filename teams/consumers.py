"""`/ws`: hints about what changed, for the console and for API clients.

    client                                server
    {"type":"subscribe","topic":T}        {"type":"subscribed","topic":T}
    {"type":"unsubscribe","topic":T}      {"type":"unsubscribed","topic":T}
                                          {"type":"changed","topic":T,"version":N}
                                          {"type":"ready","organization":SLUG}   {"type":"ping"}
                                          {"type":"error","code":C}

A hint says "fetch it again"; it is never the only copy of anything.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

import structlog
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from chatboost.core import live
from teams import origins
from teams.services import socket_access
from teams.services.socket_access import Close, Refused, Visitor

logger = structlog.get_logger(__name__)

PROTOCOL = "chatboost.v1"
BEARER = "bearer."
PING_SECONDS = 20.0
# The channel layer forgets a member of a group after a day; a socket may live longer.
REJOIN_EVERY_PINGS = 180
# A client that takes nothing for so long is dropped.
SEND_SECONDS = 10.0
MAX_FRAME_BYTES = 64 * 1024
MAX_TOPICS = 50
MAX_TOPIC_LENGTH = 64
# Frames a client may send at once, and per second after that: a reconnect subscribes to 50 topics.
FRAME_BURST = 120
FRAME_RATE = 10.0

Message = MutableMapping[str, Any]


class Allowance:
    """A token bucket for the frames of one client."""

    def __init__(self, now: float) -> None:
        self._left = float(FRAME_BURST)
        self._at = now

    def take(self, now: float) -> bool:
        """Count a frame; False when the client sends too many."""
        self._left = min(FRAME_BURST, self._left + (now - self._at) * FRAME_RATE) - 1
        self._at = now
        return self._left >= 0


class Live(AsyncJsonWebsocketConsumer):
    """One socket: a signed-in user, an organization, and the topics they follow.

    `_visitor` is None until the user is let in, and again once the socket is being closed. The user's own
    topic (`user:ID`) is never sent on: it says that their access has changed.
    """

    ping_seconds = PING_SECONDS
    send_seconds = SEND_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._visitor: Visitor | None = None
        self._own_topic = ""
        self._topics: set[str] = set()
        self._allowance = Allowance(0)
        self._runner: asyncio.Task[Any] | None = None
        self._heartbeat: asyncio.Task[None] | None = None
        self._is_dropped = False

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Run the socket; a client that does not read is dropped here, alone."""

        async def send_soon(message: Message) -> None:
            async with asyncio.timeout(self.send_seconds):
                await send(message)

        self._runner = asyncio.current_task()
        try:
            await super().__call__(scope, receive, send_soon)
        except TimeoutError:
            logger.info("socket_dropped", reason="slow_client")
        except asyncio.CancelledError:
            if not self._is_dropped:
                raise
        finally:
            if self._heartbeat:
                self._heartbeat.cancel()

    async def connect(self) -> None:
        """Accept first: a close before it would reach the client as a bare HTTP 403, without a code."""
        offered = self.scope.get("subprotocols", [])
        await self.accept(subprotocol=PROTOCOL if PROTOCOL in offered else None)
        try:
            visitor = await self._admit(offered)
        except Refused as refusal:
            await self._refuse(refusal)
            return
        self._visitor = visitor
        self._own_topic = f"user:{visitor.user_id}"
        self._allowance = Allowance(asyncio.get_running_loop().time())
        await self._join(self._own_topic)
        await self.send_json({"type": "ready", "organization": visitor.organization.slug})
        self._heartbeat = asyncio.create_task(self._beat())

    async def disconnect(self, code: int) -> None:
        """Leave every group."""
        self._visitor = None
        for topic in self._joined():
            await self.channel_layer.group_discard(live.group(topic), self.channel_name)

    async def websocket_receive(self, message: Message) -> None:
        """Answer a frame; what is no frame gets an error, too much ends the socket."""
        if self._visitor is None:
            return
        try:
            self._admit_frame(message)
            await self._answer(_parse(message.get("text")))
        except Refused as refusal:
            await self._refuse(refusal)

    async def live_changed(self, message: Message) -> None:
        """Pass a hint on; one about the user's own access is asked about instead."""
        topic = message["topic"]
        if topic == self._own_topic:
            await self._confirm()
        elif self._visitor and topic in self._topics:
            await self.send_json({"type": "changed", "topic": topic, "version": message["version"]})

    def _admit_frame(self, message: Message) -> None:
        text, data = message.get("text") or "", message.get("bytes") or b""
        if len(text) + len(data) > MAX_FRAME_BYTES or len(text.encode()) > MAX_FRAME_BYTES:
            raise Refused(Close.TOO_BIG, "frame_too_big")
        if not self._allowance.take(asyncio.get_running_loop().time()):
            raise Refused(Close.POLICY_VIOLATION, "too_many_frames")

    async def _answer(self, frame: dict[str, Any] | None) -> None:
        topic = frame.get("topic") if frame else None
        match frame.get("type") if frame else None:
            case "subscribe" if isinstance(topic, str):
                await self._subscribe(topic)
            case "unsubscribe" if isinstance(topic, str):
                await self._unsubscribe(topic)
            case "pong":
                pass
            case None | "subscribe" | "unsubscribe":
                await self.send_json({"type": "error", "code": "malformed_frame"})
            case _:
                await self.send_json({"type": "error", "code": "unknown_type"})

    async def _subscribe(self, topic: str) -> None:
        if topic not in self._topics:
            error = await self._reason_against(topic)
            if error:
                await self.send_json({"type": "error", "code": error, "topic": topic[:MAX_TOPIC_LENGTH]})
                return
            await self._join(topic)
            self._topics.add(topic)
        await self.send_json({"type": "subscribed", "topic": topic})

    async def _reason_against(self, topic: str) -> str:
        assert self._visitor is not None
        if len(self._topics) >= MAX_TOPICS:
            return "too_many_topics"
        if len(topic) > MAX_TOPIC_LENGTH:
            return "forbidden_topic"
        may_follow = await database_sync_to_async(socket_access.may_follow)(self._visitor, topic)
        return "" if may_follow else "forbidden_topic"

    async def _unsubscribe(self, topic: str) -> None:
        if topic in self._topics:
            self._topics.discard(topic)
            await self.channel_layer.group_discard(live.group(topic), self.channel_name)
        await self.send_json({"type": "unsubscribed", "topic": topic[:MAX_TOPIC_LENGTH]})

    async def _admit(self, offered: list[str]) -> Visitor:
        query = parse_qs(self.scope.get("query_string", b"").decode("latin-1"))
        slug = query.get("organization", [""])[0]
        token = next((item.removeprefix(BEARER) for item in offered if item.startswith(BEARER)), None)
        if token is not None:
            return await database_sync_to_async(socket_access.admit_token)(token, slug=slug)
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self.scope["headers"]
        }
        if not origins.is_own(headers.get("origin", ""), headers.get("host", "")):
            raise Refused(Close.FORBIDDEN, "forbidden_origin")
        return await database_sync_to_async(socket_access.admit_session)(self.scope["session"], slug=slug)

    async def _beat(self) -> None:
        pings = 0
        try:
            while self._visitor:
                await asyncio.sleep(self.ping_seconds)
                pings += 1
                await self.send_json({"type": "ping"})
                await self._confirm()
                if pings % REJOIN_EVERY_PINGS == 0:
                    for topic in self._joined():
                        await self._join(topic)
        except Exception as error:  # whatever it is, a socket that can't be watched over must not stay
            self._drop(error)

    def _drop(self, error: Exception) -> None:
        logger.info("socket_dropped", reason=type(error).__name__)
        self._is_dropped = True
        if self._runner:
            self._runner.cancel()

    async def _confirm(self) -> None:
        """Close once the session or the membership has ended."""
        if self._visitor is None:
            return
        try:
            await database_sync_to_async(socket_access.confirm)(self._visitor)
        except Refused as refusal:
            await self._refuse(refusal)

    async def _refuse(self, refusal: Refused) -> None:
        self._visitor = None
        await self.send_json({"type": "error", "code": refusal.code})
        await self.close(code=int(refusal.close))

    async def _join(self, topic: str) -> None:
        await self.channel_layer.group_add(live.group(topic), self.channel_name)

    def _joined(self) -> set[str]:
        return self._topics | ({self._own_topic} if self._own_topic else set())


def _parse(text: str | None) -> dict[str, Any] | None:
    try:
        frame = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return frame if isinstance(frame, dict) else None
