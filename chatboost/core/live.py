"""Live hints: "this topic changed, fetch it again". Never a copy of data, harmless when lost.

A client of `/ws` subscribes to topics such as `conversation:12`; each room registers who may. Three nouns are
the server's own: `user:ID` (their access changed), `inbox:ID` (they have new notifications) and `read:ID`
(their notifications were read or removed).

Hints go to the listeners of this process at once, and through one group of the channel layer to the other
processes', which tell apart who follows what. So a hint costs the broker the same whoever is connected.
"""

import asyncio
import functools
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from channels.layers import InMemoryChannelLayer, get_channel_layer
from channels_redis.core import RedisChannelLayer
from django.db import transaction

logger = structlog.get_logger(__name__)

# A topic is announced at most this often; the last change is never swallowed.
PACE = 0.25
# People wait for a notification; a burst of them still shares a hint.
INBOX_PACE = 0.02
# Every process with sockets is in this group of the channel layer.
GROUP = "live"
MAX_TOPICS_PER_MESSAGE = 1000
# A broker that does not answer must not keep hints from the sockets of this process.
SEND_SECONDS = 2.0

Listener = Callable[[Mapping[str, int]], None]


@dataclass(frozen=True, slots=True)
class Topic:
    """Who may follow `noun:ID`: whoever holds `permission`, if the row is the organization's.

    `is_of(organization, id)` says whether it is; it must bind the id to the organization.
    """

    permission: str
    is_of: Callable[[Any, int], bool]


_topics: dict[str, Topic] = {}
_listeners: set[Listener] = set()


def register_topic(noun: str, is_of: Callable[[Any, int], bool], *, permission: str) -> None:
    """Let people follow `noun:ID`; see `Topic`."""
    _topics[noun] = Topic(permission, is_of)


def topics() -> Mapping[str, Topic]:
    """Return every topic by its noun."""
    return dict(_topics)


def may_follow(topic: str, *, user: Any, organization: Any) -> bool:
    """Tell whether the user may follow a topic. Unknown or malformed topics are refused."""
    noun, _, number = topic.partition(":")
    found = _topics.get(noun)
    if found is None or organization is None:
        return False
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        return False
    return bool(user.has_perm(found.permission, organization) and found.is_of(organization, int(number)))


def is_open_to(topic: str, *, user: Any, organization: Any) -> bool:
    """Tell whether the user's role still opens a topic that they follow. Asks nothing about the row."""
    found = _topics.get(topic.partition(":")[0])
    return found is not None and bool(user.has_perm(found.permission, organization))


def changed(topic: str) -> None:
    """Announce a change when the transaction commits. Never blocks, never raises."""
    transaction.on_commit(lambda: _announcer.add([topic]), robust=True)


def told(user_ids: Iterable[int], *, is_new: bool = True) -> None:
    """Announce, when the transaction commits, that these users have new notifications.

    Without `is_new`: that some were read or removed. Never blocks, never raises.
    """
    noun = "inbox" if is_new else "read"
    names = [f"{noun}:{user_id}" for user_id in user_ids]
    transaction.on_commit(lambda: _inbox_announcer.add(names), robust=True)


# Hearing


def listen(hear: Listener) -> Callable[[], None]:
    """Call `hear` with each {topic: version} of this process, from a thread; returns how to stop."""
    _listeners.add(hear)
    return lambda: _listeners.discard(hear)


def heard(message: Mapping[str, Any]) -> Mapping[str, int]:
    """Return the {topic: version} of a channel layer's message; nothing when it is this process's own."""
    topics: Mapping[str, int] = message["topics"]
    return {} if message.get("origin") == _origin() else topics


def is_shared(layer: Any) -> bool:
    """Tell whether a channel layer reaches other processes."""
    return layer is not None and not isinstance(layer, InMemoryChannelLayer)


async def join(layer: Any, channel: str) -> bool:
    """Have a channel hear every hint, whether or not it does already; returns whether it did.

    Redis keeps groups as keys, so whoever empties it makes everybody deaf. Join again and again.
    """
    did = isinstance(layer, RedisChannelLayer) and await _is_member(layer, channel)
    await layer.group_add(GROUP, channel)
    return did


async def _is_member(layer: RedisChannelLayer, channel: str) -> bool:
    connection = layer.connection(layer.consistent_hash(GROUP))
    # The layer keeps a group's members under this key.
    return await connection.zscore(f"{layer.prefix}:group:{GROUP}", channel) is not None


# Announcing


class _Announcer:
    """Sends hints from a thread of its own, so no writer waits for the channel layer."""

    def __init__(self, pace: float) -> None:
        self._pace = pace
        self._lock = threading.Lock()
        self._topics: dict[str, int] = {}
        self._event = threading.Event()
        self._pid = 0

    def add(self, topics: Iterable[str]) -> None:
        version = time.time_ns()
        with self._lock:
            self._topics.update(dict.fromkeys(topics, version))
            if self._pid != os.getpid():
                self._pid = os.getpid()
                self._event = threading.Event()
                threading.Thread(target=self._run, name="live", daemon=True).start()
        self._event.set()

    def _run(self) -> None:
        # One event loop for all windows: the layer's connections live as long as theirs.
        with asyncio.Runner() as runner:
            while True:
                self._event.wait()
                self._event.clear()
                with self._lock:
                    topics, self._topics = self._topics, {}
                try:
                    runner.run(send(topics))
                except Exception as error:  # a hint that is lost heals at the next fetch
                    logger.debug("live_hint_lost", error=str(error))
                time.sleep(self._pace)


async def send(topics: Mapping[str, int]) -> None:
    """Tell every process now about these topics, each with its version."""
    for hear in tuple(_listeners):
        # A listener whose event loop has ended.
        with suppress(RuntimeError):
            hear(topics)
    layer = get_channel_layer()
    if is_shared(layer):
        async with asyncio.timeout(SEND_SECONDS):
            await send_by(layer, topics)


async def send_by(layer: Any, topics: Mapping[str, int]) -> None:
    """Tell the other processes through a channel layer."""
    every = list(topics.items())
    for start in range(0, len(every), MAX_TOPICS_PER_MESSAGE):
        some = dict(every[start : start + MAX_TOPICS_PER_MESSAGE])
        await layer.group_send(GROUP, {"type": "live.changed", "topics": some, "origin": _origin()})


def _origin() -> str:
    return _name_of_process(os.getpid())


@functools.cache
def _name_of_process(pid: int) -> str:
    # A forked child has another id; processes of other machines may have the same.
    return f"{pid}-{uuid.uuid4().hex}"


_announcer = _Announcer(PACE)
_inbox_announcer = _Announcer(INBOX_PACE)
