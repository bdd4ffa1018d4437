"""Live hints: "this topic changed, fetch it again". Never a copy of data, harmless when lost.

A client of `/ws` subscribes to topics such as `conversation:12`; each room registers who may.
"""

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

logger = structlog.get_logger(__name__)

# A topic is announced at most this often; the last change is never swallowed.
PACE = 0.25

TopicCheck = Callable[[Any, Any, int], bool]

_checks: dict[str, TopicCheck] = {}


def register_topic(noun: str, check: TopicCheck) -> None:
    """Say who may follow `noun:ID`; `check(user, organization, id)` must bind the id to the organization."""
    _checks[noun] = check


def may_follow(topic: str, *, user: Any, organization: Any) -> bool:
    """Tell whether the user may follow a topic. Unknown or malformed topics are refused."""
    noun, _, number = topic.partition(":")
    check = _checks.get(noun)
    return bool(
        check
        and number.isascii()
        and number.isdigit()
        and len(number) < 19
        and check(user, organization, int(number))
    )


def group(topic: str) -> str:
    """Return the channel layer's group of a topic."""
    return f"topic.{topic.replace(':', '.')}"


def changed(topic: str) -> None:
    """Announce a change when the transaction commits. Never blocks, never raises."""
    transaction.on_commit(lambda: _announcer.add(topic), robust=True)


class _Announcer:
    """Sends hints from a thread of its own, so no writer waits for the channel layer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._topics: dict[str, int] = {}
        self._event = threading.Event()
        self._pid = 0

    def add(self, topic: str) -> None:
        with self._lock:
            self._topics[topic] = time.time_ns()
            if self._pid != os.getpid():
                self._pid = os.getpid()
                self._event = threading.Event()
                threading.Thread(target=self._run, name="live", daemon=True).start()
        self._event.set()

    def _run(self) -> None:
        while True:
            self._event.wait()
            self._event.clear()
            with self._lock:
                topics, self._topics = self._topics, {}
            try:
                async_to_sync(_send)(topics)
            except Exception as error:  # a hint that is lost heals at the next fetch
                logger.debug("live_hint_lost", error=str(error))
            time.sleep(PACE)


async def _send(topics: dict[str, int]) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    for topic, version in topics.items():
        await layer.group_send(group(topic), {"type": "live.changed", "topic": topic, "version": version})


_announcer = _Announcer()
