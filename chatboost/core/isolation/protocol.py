"""What a pool and its children say to each other: messages of parts, each behind its length.

A message is the number of its parts (4 bytes, big-endian), then each part behind its length. A request begins
with a JSON document of what it may cost, an answer with one that is empty or says why there is none. What
follows is the service's. No pickle: a child that a picture has taken over can lie about pictures, and do
nothing else to its parent.
"""

import fcntl
import json
import os
import select
import signal
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from chatboost.core.pictures import Limits, PictureError

# The child's word that it has the picture: if it dies from now on, it may have died of it.
TAKEN: Sequence[bytes] = ()
# A service's, of one message.
MAX_PARTS = 16
MAX_PART = 512 * 1024 * 1024
_CHUNK = 1024 * 1024
_LENGTH = struct.Struct(">I")

Answer = TypeVar("Answer")


class Closed(Exception):
    """The other side has gone."""


class Channel:
    """Messages over two descriptors, with deadlines on the clock that it was given."""

    def __init__(self, source: int, sink: int, clock: Callable[[], float]) -> None:
        self._source, self._sink, self._clock = source, sink, clock
        for descriptor in (source, sink):
            os.set_blocking(descriptor, False)
            with suppress(AttributeError, OSError):
                # Linux: a picture goes through in one piece, not in sixteen turns of both processes.
                fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _CHUNK)

    def send(self, parts: Sequence[bytes], deadline: float | None = None) -> None:
        """Send a message.

        Raises:
            Closed: the other side has gone.
            TimeoutError: the deadline has passed.
        """
        head = _LENGTH.pack(len(parts))
        for piece in (head, *(piece for part in parts for piece in (_LENGTH.pack(len(part)), part))):
            rest = memoryview(piece)
            while rest:
                try:
                    rest = rest[os.write(self._sink, rest[:_CHUNK]) :]
                except BlockingIOError:
                    self._wait(self._sink, select.POLLOUT, deadline)
                except OSError as error:
                    raise Closed from error

    def receive(self, deadline: float | None = None) -> list[bytes]:
        """Wait for a message.

        Raises:
            Closed: the other side has gone, or speaks otherwise.
            TimeoutError: the deadline has passed.
        """
        count = self._length(deadline)
        if count > 1 + MAX_PARTS:
            raise Closed
        return [self._exactly(self._length(deadline), deadline) for _ in range(count)]

    def _length(self, deadline: float | None) -> int:
        length: int = _LENGTH.unpack(self._exactly(_LENGTH.size, deadline))[0]
        if length > MAX_PART:
            raise Closed
        return length

    def _exactly(self, length: int, deadline: float | None) -> bytes:
        pieces: list[bytes] = []
        missing = length
        while missing:
            try:
                piece = os.read(self._source, min(_CHUNK, missing))
            except BlockingIOError:
                self._wait(self._source, select.POLLIN, deadline)
                continue
            except OSError as error:
                raise Closed from error
            if not piece:
                raise Closed
            pieces.append(piece)
            missing -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _wait(self, descriptor: int, event: int, deadline: float | None) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        rest = None if deadline is None else (deadline - self._clock()) * 1000
        if (rest is not None and rest <= 0) or not poll.poll(rest):
            raise TimeoutError


def request(parts: Sequence[bytes], limits: Limits) -> list[bytes]:
    """Write a request.

    Raises:
        ValueError: it has more parts than a message may have.
    """
    if len(parts) > MAX_PARTS:
        raise ValueError(f"a message has at most {MAX_PARTS} parts")
    head = {"memory_bytes": limits.memory_bytes, "cpu_seconds": limits.cpu_seconds}
    return [json.dumps(head).encode(), *parts]


def read_request(message: Sequence[bytes]) -> tuple[list[bytes], Limits]:
    """Read a request."""
    head, *parts = message
    return parts, Limits(**json.loads(head))


def answer(done: Sequence[bytes] | PictureError) -> list[bytes]:
    """Write an answer."""
    if isinstance(done, PictureError):
        return [json.dumps({"code": done.code, "message": done.message}).encode()]
    return [b"{}", *done]


def read_answer(message: Sequence[bytes], read: Callable[[list[bytes]], Answer]) -> Answer:
    """Read an answer, and its parts with `read`.

    Raises:
        PictureError: as the child met it, or `crashed` if the child talks nonsense.
    """
    try:
        head, *parts = message
        fields: dict[str, Any] = json.loads(head)
        if not fields:
            return read(parts)
        error = PictureError(str(fields["code"]), str(fields["message"]))
    except (ValueError, TypeError, KeyError, RecursionError) as nonsense:
        raise PictureError("crashed", "The process for pictures gave no sensible answer.") from nonsense
    raise error


def explain(code: int) -> PictureError:
    """Say why a child is gone, by its exit code."""
    if -code in (signal.SIGXCPU, signal.SIGPROF):
        return PictureError("took_too_long", "The picture took too much of the processor's time.")
    return PictureError("crashed", "The process for pictures died of this one.")
