"""Hands hints and notifications to the sockets of this process.

One postbox for each event loop. It hears `chatboost.core.live`, of this process directly and of others
through the channel layer, and reads the rows of many users by one query. No notification depends on a hint:
every few seconds it asks the database who was told something, so that a lost hint costs time only.
"""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import structlog
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.db import connections

from chatboost.core import live
from teams.models import Notification
from teams.realtime import frames
from teams.realtime.subscriber import Subscriber
from teams.selectors import inbox

logger = structlog.get_logger(__name__)

# Redis may have forgotten us: this long nobody else's hints are heard.
JOIN_SECONDS = 1.0
POLL_SECONDS = 3.0
RETRY_SECONDS = 1.0
USERS_AT_ONCE = 500
ROWS_AT_ONCE = 2000
# What a hint about a user's notifications is called on their sockets.
READ_STATE = "notifications"

Item = TypeVar("Item")


class Postbox:
    """The sockets of one event loop. It works while there are any."""

    def __init__(self) -> None:
        self._subscribers: dict[int, set[Subscriber]] = {}
        self._followers: dict[str, set[Subscriber]] = {}
        # Users to look for, each with a number that their sockets have got to when there is nothing more.
        self._pending: dict[int, int] = {}
        self._wanted = asyncio.Event()
        self._joined = asyncio.Event()
        self._is_deaf = True
        # Whether a socket has gone on before the first join.
        self._has_missed = False
        self._tasks: list[asyncio.Task[None]] = []
        self._executor: ThreadPoolExecutor | None = None
        self._stop_listening: Callable[[], None] | None = None

    def count_of(self, user_id: int) -> int:
        """Return how many sockets a user has here."""
        return len(self._subscribers.get(user_id, ()))

    async def attach(self, subscriber: Subscriber) -> None:
        """Let a socket have hints; it gets notifications once it goes live."""
        self._subscribers.setdefault(subscriber.user_id, set()).add(subscriber)
        if not self._tasks:
            self._begin()
        try:
            async with asyncio.timeout(JOIN_SECONDS):
                await self._joined.wait()
        except TimeoutError:
            # Without a broker there is nothing to wait for; what this socket does not hear is made up for.
            self._has_missed = True

    async def detach(self, subscriber: Subscriber) -> None:
        """Forget a socket; the last one ends the work."""
        for topic in [topic for topic, followers in self._followers.items() if subscriber in followers]:
            self.unfollow(topic, subscriber)
        _discard(self._subscribers, subscriber.user_id, subscriber)
        if not self._subscribers:
            await self._end()

    def follow(self, topic: str, subscriber: Subscriber) -> None:
        """Have a socket hear about a topic."""
        self._followers.setdefault(topic, set()).add(subscriber)

    def unfollow(self, topic: str, subscriber: Subscriber) -> None:
        """Have it hear no more."""
        _discard(self._followers, topic, subscriber)
        subscriber.outbox.forget(topic)

    def go_live(self, subscriber: Subscriber) -> None:
        """Give a socket what comes after its cursor, from now on."""
        if not subscriber.is_live:
            subscriber.is_live = True
            self.look_for(subscriber.user_id)

    def catch_up(self, subscriber: Subscriber) -> None:
        """Go on with a socket whose client has taken what it had."""
        subscriber.is_behind = False
        self.look_for(subscriber.user_id)

    def look_for(self, user_id: int, known: int = 0) -> None:
        """Read soon what a user was told."""
        self._pending[user_id] = max(known, self._pending.get(user_id, 0))
        self._wanted.set()

    def hear(self, topics: Mapping[str, int]) -> None:
        """Pass hints on to whom they concern."""
        for topic, version in topics.items():
            noun, _, number = topic.partition(":")
            match noun:
                case "inbox":
                    if int(number) in self._subscribers:
                        self.look_for(int(number))
                case "read":
                    for subscriber in self._subscribers.get(int(number), ()):
                        subscriber.outbox.hint(READ_STATE, version)
                case "user":
                    for subscriber in self._subscribers.get(int(number), ()):
                        subscriber.doubt()
                case _:
                    for subscriber in self._followers.get(topic, ()):
                        subscriber.outbox.hint(topic, version)

    def heal(self) -> None:
        """Act as if everything had changed: hints may have been lost."""
        version = time.time_ns()
        for user_id, subscribers in self._subscribers.items():
            self.look_for(user_id)
            for subscriber in subscribers:
                subscriber.doubt()
                subscriber.outbox.hint(READ_STATE, version)
        self.hear(dict.fromkeys(self._followers, version))

    # Work

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        self._executor = ThreadPoolExecutor(1, "postbox")
        self._stop_listening = live.listen(lambda topics: _call_in(loop, self.hear, topics))
        self._tasks = [asyncio.create_task(self._deliver()), asyncio.create_task(self._poll())]
        layer = get_channel_layer()
        self._is_deaf, self._has_missed = True, False
        self._joined.clear()
        if live.is_shared(layer):
            self._tasks.append(asyncio.create_task(self._listen(layer)))
        else:
            self._joined.set()

    async def _end(self) -> None:
        _postboxes.pop(asyncio.get_running_loop(), None)
        tasks, self._tasks = self._tasks, []
        executor, self._executor = self._executor, None
        if self._stop_listening:
            self._stop_listening()
        self._pending.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if executor:
            # The thread's connection ends with it.
            executor.submit(connections.close_all)
            executor.shutdown(wait=False)

    async def _deliver(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            pending, self._pending = self._pending, {}
            for some in _chunks(pending.items(), USERS_AT_ONCE):
                await self._deliver_to(dict(some))

    async def _deliver_to(self, known: Mapping[int, int]) -> None:
        lows = {user_id: low for user_id in known if (low := self._low(user_id)) is not None}
        if not lows:
            return
        try:
            rows = await self._read(inbox.after_each, lows, limit=ROWS_AT_ONCE)
        except Exception as error:  # whatever it is: the rows stay where they are
            logger.warning("notifications_unread", error=str(error))
            for user_id in lows:
                self.look_for(user_id, known[user_id])
            await asyncio.sleep(RETRY_SECONDS)
            return
        self._hand_out(rows, lows)
        if len(rows) == ROWS_AT_ONCE:
            for user_id in lows:
                self.look_for(user_id, known[user_id])
            return
        for user_id, low in lows.items():
            for subscriber in self._subscribers.get(user_id, ()):
                if subscriber.can_take(low):
                    subscriber.cursor = max(subscriber.cursor, known[user_id])

    def _hand_out(self, rows: Iterable[Notification], lows: Mapping[int, int]) -> None:
        for row in rows:
            if row.seq is None:  # the column allows it, the query does not
                continue
            text = frames.notification(row)
            for subscriber in self._subscribers.get(row.user_id, ()):
                if subscriber.can_take(lows[row.user_id]):
                    subscriber.offer(row.organization_id, row.seq, text)

    def _low(self, user_id: int) -> int | None:
        cursors = [each.cursor for each in self._subscribers.get(user_id, ()) if each.can_take(0)]
        return min(cursors, default=None)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            for user_ids in _chunks(list(self._subscribers), USERS_AT_ONCE):
                try:
                    known = await self._read(inbox.last_seqs, user_ids)
                except Exception as error:  # the next look comes soon
                    logger.warning("notifications_unpolled", error=str(error))
                    break
                for user_id, last in known.items():
                    low = self._low(user_id)
                    if low is not None and last > low:
                        self.look_for(user_id, last)

    async def _read(self, read: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        # A thread of our own: a thousand clients that come back at once queue for the common one.
        made = database_sync_to_async(read, thread_sensitive=False, executor=self._executor)
        return await made(*args, **kwargs)

    # The channel layer

    async def _listen(self, layer: Any) -> None:
        channel = await layer.new_channel()
        joining = asyncio.create_task(self._join_again(layer, channel))
        try:
            while True:
                message = await self._attempt(lambda: layer.receive(channel))
                if message is not None:
                    self.hear(live.heard(message))
        finally:
            joining.cancel()
            with suppress(Exception):
                async with asyncio.timeout(JOIN_SECONDS):
                    await layer.group_discard(live.GROUP, channel)

    async def _join_again(self, layer: Any, channel: str) -> None:
        while True:
            was_joined = await self._attempt(lambda: live.join(layer, channel))
            if was_joined is not None:
                if self._has_missed or (self._joined.is_set() and (self._is_deaf or not was_joined)):
                    self.heal()
                self._is_deaf = self._has_missed = False
                self._joined.set()
            await asyncio.sleep(JOIN_SECONDS)

    async def _attempt(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """Ask the broker; None while it is away."""
        try:
            return await call()
        except Exception as error:  # a broker fails in many ways; there is none that should end this
            logger.info("live_broker_away", error=str(error))
            self._is_deaf = True
            await asyncio.sleep(RETRY_SECONDS)
            return None


_postboxes: WeakKeyDictionary[asyncio.AbstractEventLoop, Postbox] = WeakKeyDictionary()


def here() -> Postbox:
    """Return the postbox of this event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _postboxes:
        _postboxes[loop] = Postbox()
    return _postboxes[loop]


def _discard(sets: dict[Any, set[Subscriber]], key: Any, subscriber: Subscriber) -> None:
    members = sets.get(key)
    if members is not None:
        members.discard(subscriber)
        if not members:
            del sets[key]


def _chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    left = iter(items)
    while some := list(itertools.islice(left, size)):
        yield some


def _call_in(loop: asyncio.AbstractEventLoop, call: Callable[[Any], None], argument: Any) -> None:
    loop.call_soon_threadsafe(call, argument)
