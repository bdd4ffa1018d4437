"""The frames that wait for one client."""

import asyncio
from collections import deque
from collections.abc import Callable

from teams.realtime import frames

# Notifications beyond this stay in the database until the client has taken these.
MAX_WAITING = 256


class Outbox:
    """Frames in order, and hints, of which only the last of each topic waits. Bounded both ways.

    `on_drained` is called whenever nothing is left after something was refused.
    """

    def __init__(self, on_drained: Callable[[], None], *, limit: int = MAX_WAITING) -> None:
        self._on_drained = on_drained
        self._limit = limit
        self._frames: deque[str] = deque()
        self._hints: dict[str, int] = {}
        self._is_sending = False
        self._is_ended = False
        self._has_refused = False
        self._filled = asyncio.Event()
        self._roomy = asyncio.Event()
        self._roomy.set()
        self._drained = asyncio.Event()
        self._drained.set()

    def offer(self, text: str) -> bool:
        """Add a frame if there is room."""
        if len(self._frames) >= self._limit:
            self._has_refused = True
            return False
        self._add(text)
        return True

    async def put(self, text: str) -> None:
        """Add a frame, once there is room."""
        await self._roomy.wait()
        self._add(text)

    def hint(self, topic: str, version: int) -> None:
        """Have the client told that a topic has changed."""
        if not self._is_ended:
            self._hints[topic] = version
            self._mark()

    def forget(self, topic: str) -> None:
        """Drop the hint about a topic."""
        self._hints.pop(topic, None)

    def end(self, text: str) -> None:
        """Drop whatever waits: this frame is the last one."""
        self._frames.clear()
        self._hints.clear()
        self._add(text)
        self._is_ended = True

    async def drained(self) -> None:
        """Wait until everything is sent."""
        await self._drained.wait()

    async def next(self) -> str:
        """Return the next frame, and say that the one before was sent."""
        self._is_sending = False
        self._mark()
        if self._has_refused and not self._frames:
            self._has_refused = False
            self._on_drained()
        # What was there may have been dropped meanwhile.
        while not (self._frames or self._hints):
            await self._filled.wait()
        self._is_sending = True
        text = self._frames.popleft() if self._frames else self._next_hint()
        self._mark()
        return text

    def _next_hint(self) -> str:
        topic = next(iter(self._hints))
        return frames.frame("changed", topic=topic, version=self._hints.pop(topic))

    def _add(self, text: str) -> None:
        if not self._is_ended:
            self._frames.append(text)
            self._mark()

    def _mark(self) -> None:
        is_filled = bool(self._frames or self._hints)
        _set(self._filled, is_filled)
        _set(self._roomy, len(self._frames) < self._limit)
        _set(self._drained, not is_filled and not self._is_sending)


def _set(event: asyncio.Event, is_set: bool) -> None:
    if is_set:
        event.set()
    else:
        event.clear()
