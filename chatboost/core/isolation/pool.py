"""A pool of child processes that run a service, so that no picture can exhaust, hang or kill whoever asks.

A child is a new interpreter (not a fork: it has none of the caller's sockets and connections, nor its
environment) that imports the service alone and talks over its standard input and output (`protocol`). It ends
with its parent.
"""

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from chatboost.core.isolation import protocol
from chatboost.core.pictures import Limits, PictureError

ROOT = Path(__file__).resolve().parents[3]
START_SECONDS = 60.0
RECYCLE_AFTER = 1000
TRIES = 3
# After these a child's heap, or its code, is in a state that nobody knows.
FATAL = frozenset(("out_of_memory", "crashed"))
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONDONTWRITEBYTECODE")
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # Pixels lie where the last picture's were: mapping fresh pages is a fifth of the work otherwise.
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(64 * 1024 * 1024),
    "PILLOW_BLOCKS_MAX": "4",
}

Answer = TypeVar("Answer")


class NotStarted(RuntimeError):
    """No child comes up: this installation's own failure, which no call is to be blamed for."""


class Pool:
    """Up to `size` child processes that run the module `service`. Thread-safe; a call waits for a free child.

    Children start when they are needed, and are replaced after `recycle_after` calls, or when they failed.
    A pool that came into a process by `fork` starts children of its own there.
    """

    def __init__(
        self,
        service: str,
        size: int,
        *,
        recycle_after: int = RECYCLE_AFTER,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.service = service
        self.size = size
        self._recycle_after = recycle_after
        self._clock = clock
        self._is_closed = False
        self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the children; one that is busy ends with its call."""
        self._is_closed = True
        while (child := self._take_idle()) is not None:
            child.end()

    def call(self, parts: Sequence[bytes], limits: Limits) -> list[bytes]:
        """Have the service answer, in a child.

        Raises:
            PictureError: as the service raised it, or `took_too_long`, `out_of_memory`, `crashed`.
            NotStarted: there is no child to ask.
            ValueError: the pool is closed, or there are more than `MAX_PARTS` parts.
        """
        return self.ask(parts, limits, list)

    def ask(self, parts: Sequence[bytes], limits: Limits, read: Callable[[list[bytes]], Answer]) -> Answer:
        """Have the service answer, and read the answer while its child is at hand: nonsense ends that child.

        Raises:
            PictureError: as `call`; `crashed` too if `read` raises ValueError, TypeError or KeyError.
            NotStarted, ValueError: as `call`.
        """
        if self._is_closed:
            raise ValueError("the pool is closed")
        message = protocol.request(parts, limits)
        if self._owner != os.getpid():
            self._begin()
        with self._slots:
            child = self._take_idle() or self._start()
            try:
                child = self._hand_over(child, message, limits.wall_seconds)
                done = protocol.read_answer(child.wait(), read)
            except PictureError as error:
                self._give_back(child, is_usable=child.is_alive and error.code not in FATAL)
                raise
            except BaseException:
                child.end()
                raise
            self._give_back(child, is_usable=True)
            return done

    def _start(self) -> "_Child":
        return _Child(self.service, self._clock)

    def _hand_over(self, child: "_Child", message: Sequence[bytes], seconds: float) -> "_Child":
        """Let a child take the call, a new one if this one died before it. Raises: NotStarted."""
        for left in reversed(range(TRIES)):
            if child.take(message, seconds):
                return child
            child.end()
            if left:
                child = self._start()
        raise NotStarted(f"{TRIES} children that run {self.service} died before they took the call")

    def _begin(self) -> None:
        self._owner = os.getpid()
        self._slots = threading.BoundedSemaphore(self.size)
        self._idle: queue.LifoQueue[_Child] = queue.LifoQueue()

    def _take_idle(self) -> "_Child | None":
        while True:
            try:
                child = self._idle.get_nowait()
            except queue.Empty:
                return None
            if child.is_alive:
                return child
            child.end()

    def _give_back(self, child: "_Child", *, is_usable: bool) -> None:
        if is_usable and not self._is_closed and child.served < self._recycle_after:
            self._idle.put(child)
        else:
            child.end()


def _environment() -> dict[str, str]:
    """Return what a child is told: where libraries are, and none of the parent's secrets."""
    told = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        **told,
        **ENVIRONMENT,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }


class _Child:
    """One child process. Used by one thread at a time."""

    def __init__(self, service: str, clock: Callable[[], float]) -> None:
        self.served = 0
        self._clock = clock
        code = f"from chatboost.core.isolation import worker; worker.main({service!r}, parent={os.getpid()})"
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-s", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=_environment(),
            bufsize=0,
            # A Ctrl-C in the terminal is the parent's to handle.
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._channel = protocol.Channel(self._process.stdout.fileno(), self._process.stdin.fileno(), clock)
        try:
            self._channel.receive(clock() + START_SECONDS)
        except (protocol.Closed, TimeoutError) as error:
            self.end()
            raise NotStarted(f"the child that runs {service} did not start") from error

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def take(self, message: Sequence[bytes], seconds: float) -> bool:
        """Hand a call over; False if the child had died before it began with it."""
        self.served += 1
        self._deadline = self._clock() + seconds
        try:
            self._channel.send(message, self._deadline)
            self._channel.receive(self._deadline)
        except TimeoutError as error:
            self.end()
            raise PictureError("took_too_long", "The picture took too long.") from error
        except protocol.Closed:
            return False
        return True

    def wait(self) -> list[bytes]:
        """Wait for the answer; a child that fails is ended."""
        try:
            return self._channel.receive(self._deadline)
        except TimeoutError as error:
            self.end()
            raise PictureError("took_too_long", "The picture took too long.") from error
        except protocol.Closed as error:
            raise protocol.explain(self.end()) from error

    def end(self) -> int:
        """Kill the process, which keeps nothing, and return its exit code."""
        self._process.kill()
        code = self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        return code
