"""Posts a fake vendor's webhooks: signed, late, again until they are answered with success."""

import contextlib
import heapq
import http.client
import itertools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
_TIMEOUT = 10.0

Sign = Callable[[bytes], Mapping[str, str]]


@dataclass(order=True, slots=True)
class _Post:
    due: float
    number: int
    body: bytes = field(compare=False)
    failures: int = field(compare=False, default=0)


class WebhookSender:
    """A few threads around one queue ordered by due time.

    A delivery that isn't answered 2xx comes again with growing pauses for as long as the sender runs, as
    vendors do for days. One worker keeps the order; several don't, which is also what vendors do.
    """

    def __init__(self, url: str, sign: Sign, *, workers: int = 1) -> None:
        """Start the workers.

        Raises:
            ValueError: the address isn't on this machine.
        """
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname not in ("127.0.0.1", "localhost"):
            raise ValueError("Fakes only post to this machine.")
        self._address = (parts.hostname, parts.port or 80)
        self._target = parts.path + (f"?{parts.query}" if parts.query else "")
        self._sign = sign
        self._changed = threading.Condition()
        self._queue: list[_Post] = []
        self._numbers = itertools.count()
        self._under_way = 0
        self._is_stopping = False
        self.delivered_count = 0
        self.refused_count = 0
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def post(self, body: bytes, *, delay: float = 0.0) -> None:
        """Post a body once `delay` seconds have passed."""
        self.post_all([(body, delay)])

    def post_all(self, posts: Sequence[tuple[bytes, float]]) -> None:
        """Post bodies, each after its own delay, all counted from the same moment."""
        now = time.monotonic()
        with self._changed:
            for body, delay in posts:
                heapq.heappush(self._queue, _Post(now + delay, next(self._numbers), body))
            self._changed.notify_all()

    def wait_until_idle(self, timeout: float) -> bool:
        """Say whether everything was delivered within `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._queue and self._under_way == 0, timeout)

    def stop(self) -> None:
        """Drop what is left and end the workers."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        connection = http.client.HTTPConnection(*self._address, timeout=_TIMEOUT)
        while (post := self._take()) is not None:
            is_delivered = self._try(connection, post.body)
            with self._changed:
                self._under_way -= 1
                if not is_delivered:
                    post.due = time.monotonic() + min(_FIRST_PAUSE * 2**post.failures, _LONGEST_PAUSE)
                    post.failures += 1
                    heapq.heappush(self._queue, post)
                self.delivered_count += is_delivered
                self.refused_count += not is_delivered
                self._changed.notify_all()
        connection.close()

    def _take(self) -> _Post | None:
        """Wait for the next due post; None when the sender stops."""
        with self._changed:
            while not self._is_stopping:
                wait = self._queue[0].due - time.monotonic() if self._queue else None
                if wait is not None and wait <= 0:
                    self._under_way += 1
                    return heapq.heappop(self._queue)
                self._changed.wait(wait)
            return None

    def _try(self, connection: http.client.HTTPConnection, body: bytes) -> bool:
        headers = {"Content-Type": "application/json", **self._sign(body)}
        # A kept connection may have died since; one more go on a fresh one tells that apart from a refusal.
        for _ in range(2):
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection.request("POST", self._target, body, headers)
                answer = connection.getresponse()
                answer.read()
                return 200 <= answer.status < 300
            connection.close()
        return False
