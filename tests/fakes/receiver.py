"""A webhook endpoint that remembers what it was sent, for tests of whatever posts webhooks."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.fakes.server import Answer, LoopbackServer, Request


class WebhookReceiver:
    """A running endpoint; use it as a context manager. `decide` makes a status of the count so far."""

    def __init__(self, decide: Callable[[int], int] = lambda count: 200) -> None:
        """Bind a free port."""
        self._decide = decide
        self._requests: list[Request] = []
        self._changed = threading.Condition()
        self._server = LoopbackServer(self._receive)

    @property
    def url(self) -> str:
        """Return the address to post to."""
        return f"{self._server.url}/webhook"

    @property
    def requests(self) -> list[Request]:
        """Return every request so far, in order of arrival."""
        with self._changed:
            return list(self._requests)

    def wait_for(self, count: int, *, timeout: float = 10.0) -> list[Request]:
        """Return the requests once there are `count` of them.

        Raises:
            TimeoutError: fewer came in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._requests) >= count, timeout):
                raise TimeoutError(f"{len(self._requests)} of {count} webhooks came")
            return list(self._requests)

    def _receive(self, request: Request) -> Answer:
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()
            return Answer(status=self._decide(len(self._requests)))

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()
