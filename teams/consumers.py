"""`/ws`: a person's notifications, and hints about what changed, for the console and for API clients.

    client                                server
                                          {"type":"ready","organization":SLUG,"cursor":N,"unread":N}
    {"type":"resume","cursor":N}          {"type":"resumed","cursor":N}
                                          {"type":"notification","id":ID,"cursor":N,"data":{…}}
    {"type":"subscribe","topic":T}        {"type":"subscribed","topic":T}
    {"type":"unsubscribe","topic":T}      {"type":"unsubscribed","topic":T}
                                          {"type":"changed","topic":T,"version":N}
                                          {"type":"ping"}
                                          {"type":"error","code":C}

A socket is about one organization. A notification is a row first: the socket only carries it. Its cursor is
its place among all of the user's. A client keeps the last cursor it has seen and resumes from it: what it has
missed comes from the database, in order, and then what is new, each once a socket. What was removed
meanwhile is gone.

The cursor may stand in the address, `/ws?cursor=N`, which is as if the client had resumed at once. Otherwise
`resume` is best the first frame: until it comes, or five seconds have passed, nothing is delivered. Later it
brings what lies before this socket's beginning, so out of order, still once. A cursor beyond the last one
counts as the last one; `resumed` says where the client is.

`changed` says "fetch it again". Its topic is one that was subscribed to, or `notifications`: some were read
or removed elsewhere.

A socket outlives the access token it was opened with, never the session behind it: that is asked after
whenever access changes, and with each ping.

A user has only so many sockets in a process: one more is closed with 1008, `too_many_sockets`.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

import structlog
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings

from chatboost.core import tenancy
from teams import origins
from teams.realtime import postbox
from teams.realtime.frames import frame, notification
from teams.realtime.outbox import Outbox
from teams.realtime.subscriber import Subscriber
from teams.selectors import inbox
from teams.services import socket_access
from teams.services.socket_access import Close, Refused, Visitor

logger = structlog.get_logger(__name__)

PROTOCOL = "chatboost.v1"
BEARER = "bearer."
PING_SECONDS = 20.0
# A client that takes nothing for so long is dropped.
SEND_SECONDS = 10.0
# So long a client has to say where it left off.
RESUME_SECONDS = 5.0
RESUMED_AT_ONCE = 200
MAX_CURSOR = 2**63 - 1
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

    `_visitor` is None until the user is let in, and again once the socket is being closed. Everything that is
    sent goes through the outbox, whose writer waits for this client alone.
    """

    # Hints come by the postbox, not by a channel of each socket's own.
    channel_layer_alias = None
    ping_seconds = PING_SECONDS
    send_seconds = SEND_SECONDS
    resume_seconds = RESUME_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._visitor: Visitor | None = None
        self._subscriber: Subscriber | None = None
        self._outbox = Outbox(self._on_drained)
        self._topics: set[str] = set()
        self._allowance = Allowance(0)
        self._is_doubted = asyncio.Event()
        self._runner: asyncio.Task[Any] | None = None
        self._helpers: list[asyncio.Task[None]] = []
        self._beginning: asyncio.TimerHandle | None = None
        self._is_dropped = False

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Run the socket behind the wall between organizations; one that can't be served is dropped alone."""
        self._runner = asyncio.current_task()
        try:
            with tenancy.wall():
                await super().__call__(scope, receive, send)
        except asyncio.CancelledError:
            if not self._is_dropped:
                raise
        finally:
            await self._leave()

    async def connect(self) -> None:
        """Accept first: a close before it would reach the client as a bare HTTP 403, without a code."""
        offered = self.scope.get("subprotocols", [])
        await self.accept(subprotocol=PROTOCOL if PROTOCOL in offered else None)
        self._helpers.append(asyncio.create_task(self._write()))
        try:
            await self._enter(await self._admit(offered))
        except Refused as refusal:
            await self._refuse(refusal)

    async def disconnect(self, code: int) -> None:
        """Answer no more."""
        self._visitor = None

    async def websocket_receive(self, message: Message) -> None:
        """Answer a frame; what is no frame gets an error, too much ends the socket."""
        if self._visitor is None:
            return
        try:
            self._admit_frame(message)
            await self._answer(_parse(message.get("text")))
        except Refused as refusal:
            await self._refuse(refusal)

    # Coming and going

    async def _enter(self, visitor: Visitor) -> None:
        standing = await database_sync_to_async(inbox.standing)(visitor.user_id, visitor.organization)
        if postbox.here().count_of(visitor.user_id) >= settings.SOCKETS_PER_USER:
            raise Refused(Close.POLICY_VIOLATION, "too_many_sockets")
        loop = asyncio.get_running_loop()
        self._visitor = visitor
        self._allowance = Allowance(loop.time())
        self._subscriber = Subscriber(
            user_id=visitor.user_id,
            organization_id=visitor.organization.pk,
            outbox=self._outbox,
            doubt=self._is_doubted.set,
            cursor=standing.cursor,
            start=standing.cursor,
        )
        await postbox.here().attach(self._subscriber)
        # What has ended since this socket was let in, it did not hear of.
        await self._confirm()
        if self._visitor is None:
            return
        words = {"cursor": standing.cursor, "unread": standing.unread}
        await self._outbox.put(frame("ready", organization=visitor.organization.slug, **words))
        self._helpers.append(asyncio.create_task(self._watch()))
        self._beginning = loop.call_later(self.resume_seconds, self._go_live)
        if cursor := self._asked("cursor"):
            is_number = cursor.isascii() and cursor.isdigit() and len(cursor) < 20
            await self._resume(int(cursor) if is_number else None)

    async def _leave(self) -> None:
        self._visitor = None
        if self._beginning:
            self._beginning.cancel()
        for helper in self._helpers:
            helper.cancel()
        subscriber, self._subscriber = self._subscriber, None
        if subscriber:
            await postbox.here().detach(subscriber)

    async def _admit(self, offered: list[str]) -> Visitor:
        slug = self._asked("organization")
        token = next((item.removeprefix(BEARER) for item in offered if item.startswith(BEARER)), None)
        if token is not None:
            return await database_sync_to_async(socket_access.admit_token)(token, slug=slug)
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self.scope["headers"]
        }
        if not origins.is_own(headers.get("origin", ""), headers.get("host", "")):
            raise Refused(Close.FORBIDDEN, "forbidden_origin")
        return await database_sync_to_async(socket_access.admit_session)(self.scope["session"], slug=slug)

    def _asked(self, name: str) -> str:
        """Return what the address says, or ""."""
        query = parse_qs(self.scope.get("query_string", b"").decode("latin-1"))
        return query.get(name, [""])[0]

    async def _confirm(self) -> None:
        """Close once the session or the membership has ended; drop the topics of a role that is gone."""
        if self._visitor is None:
            return
        try:
            lost = await database_sync_to_async(socket_access.recheck)(self._visitor, tuple(self._topics))
        except Refused as refusal:
            await self._refuse(refusal)
            return
        for topic in lost:
            self._forget(topic)
            await self._outbox.put(frame("error", code="forbidden_topic", topic=topic))

    async def _refuse(self, refusal: Refused) -> None:
        # Two may find out at once.
        if self._visitor is None and self._subscriber is not None:
            return
        self._visitor = None
        if self._subscriber:
            self._subscriber.is_live = False
        # What still waits is no longer theirs to see.
        self._outbox.end(frame("error", code=refusal.code))
        try:
            async with asyncio.timeout(self.send_seconds):
                await self._outbox.drained()
                await self.close(code=int(refusal.close))
        except TimeoutError as error:
            self._drop(error)

    # Frames

    def _admit_frame(self, message: Message) -> None:
        text, data = message.get("text") or "", message.get("bytes") or b""
        if len(text) + len(data) > MAX_FRAME_BYTES or len(text.encode()) > MAX_FRAME_BYTES:
            raise Refused(Close.TOO_BIG, "frame_too_big")
        if not self._allowance.take(asyncio.get_running_loop().time()):
            raise Refused(Close.POLICY_VIOLATION, "too_many_frames")

    async def _answer(self, given: dict[str, Any] | None) -> None:
        topic = given.get("topic") if given else None
        match given.get("type") if given else None:
            case "subscribe" if isinstance(topic, str):
                await self._subscribe(topic)
            case "unsubscribe" if isinstance(topic, str):
                await self._unsubscribe(topic)
            case "resume" if given:
                await self._resume(given.get("cursor"))
            case "pong":
                pass
            case None | "subscribe" | "unsubscribe":
                await self._outbox.put(frame("error", code="malformed_frame"))
            case _:
                await self._outbox.put(frame("error", code="unknown_type"))

    async def _subscribe(self, topic: str) -> None:
        if topic not in self._topics:
            error = await self._reason_against(topic)
            if error:
                await self._outbox.put(frame("error", code=error, topic=topic[:MAX_TOPIC_LENGTH]))
                return
            self._topics.add(topic)
            if self._subscriber:
                postbox.here().follow(topic, self._subscriber)
        await self._outbox.put(frame("subscribed", topic=topic))

    async def _reason_against(self, topic: str) -> str:
        assert self._visitor is not None
        if len(self._topics) >= MAX_TOPICS:
            return "too_many_topics"
        if len(topic) > MAX_TOPIC_LENGTH:
            return "forbidden_topic"
        may_follow = await database_sync_to_async(socket_access.may_follow)(self._visitor, topic)
        return "" if may_follow else "forbidden_topic"

    def _forget(self, topic: str) -> None:
        if topic in self._topics:
            self._topics.discard(topic)
            if self._subscriber:
                postbox.here().unfollow(topic, self._subscriber)

    async def _unsubscribe(self, topic: str) -> None:
        self._forget(topic)
        await self._outbox.put(frame("unsubscribed", topic=topic[:MAX_TOPIC_LENGTH]))

    # Notifications

    async def _resume(self, cursor: object) -> None:
        if not isinstance(cursor, int) or isinstance(cursor, bool) or not 0 <= cursor <= MAX_CURSOR:
            await self._outbox.put(frame("error", code="bad_cursor"))
            return
        subscriber = self._subscriber
        assert subscriber is not None
        # What comes meanwhile waits in the database.
        subscriber.is_live = False
        if self._beginning:
            self._beginning.cancel()
        if cursor < subscriber.start:
            until, subscriber.start = subscriber.start, cursor
            await self._replay(cursor, until)
        if self._visitor is None:
            return
        await self._outbox.put(frame("resumed", cursor=subscriber.cursor))
        self._go_live()

    async def _replay(self, cursor: int, until: int) -> None:
        while self._visitor is not None:
            rows = await database_sync_to_async(inbox.after)(
                *(self._visitor.user_id, self._visitor.organization, cursor),
                until=until,
                limit=RESUMED_AT_ONCE,
            )
            for row in rows:
                await self._outbox.put(notification(row))
            if len(rows) < RESUMED_AT_ONCE:
                return
            cursor = rows[-1].seq or until

    def _go_live(self) -> None:
        if self._visitor is not None and self._subscriber is not None:
            postbox.here().go_live(self._subscriber)

    def _on_drained(self) -> None:
        if self._subscriber is not None:
            postbox.here().catch_up(self._subscriber)

    # Tasks of their own

    async def _write(self) -> None:
        """Send what waits, frame by frame, at this client's speed."""
        try:
            while True:
                text = await self._outbox.next()
                async with asyncio.timeout(self.send_seconds):
                    await self.base_send({"type": "websocket.send", "text": text})
        except Exception as error:  # whatever it is, this client can't be sent anything
            self._drop(error)

    async def _watch(self) -> None:
        """Ping, and ask whether the user may still be here: with each ping, and when it is doubted."""
        loop = asyncio.get_running_loop()
        try:
            due = loop.time() + self.ping_seconds
            while self._visitor:
                try:
                    async with asyncio.timeout_at(due):
                        await self._is_doubted.wait()
                except TimeoutError:
                    await self._outbox.put(frame("ping"))
                    due = loop.time() + self.ping_seconds
                self._is_doubted.clear()
                await self._confirm()
        except Exception as error:  # whatever it is, a socket that can't be watched over must not stay
            self._drop(error)

    def _drop(self, error: Exception) -> None:
        logger.info("socket_dropped", reason=type(error).__name__)
        self._is_dropped = True
        if self._runner:
            self._runner.cancel()


def _parse(text: str | None) -> dict[str, Any] | None:
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
