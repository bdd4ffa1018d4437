"""What a pool and its children say to each other: messages of parts, each behind its length.

A message is the number of its parts (4 bytes, big-endian), then each part behind its length. A request is a
JSON document and the picture; an answer is a JSON document and what came out. No pickle: a child that a
picture has taken over can lie about pictures, and do nothing else to its parent.
"""

import fcntl
import json
import os
import select
import signal
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from compression.codec.contract import CodecError, Compressed, Limits, Mode, Options, Output

# The child's word that it has the picture: if it dies from now on, it may have died of it.
TAKEN: Sequence[bytes] = ()
MAX_PART = 512 * 1024 * 1024
_CHUNK = 1024 * 1024
_LENGTH = struct.Struct(">I")


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
        if count > 2:
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


def request(content: bytes, options: Options) -> list[bytes]:
    """Write a request."""
    return [json.dumps(asdict(options)).encode(), content]


def read_request(parts: Sequence[bytes]) -> tuple[bytes, Options]:
    """Read a request."""
    head, content = parts
    fields: dict[str, Any] = json.loads(head)
    fields |= {
        "mode": Mode(fields["mode"]),
        "output": Output(fields["output"]),
        "limits": Limits(**fields["limits"]),
    }
    return content, Options(**fields)


def answer(done: Compressed | CodecError) -> list[bytes]:
    """Write an answer."""
    if isinstance(done, CodecError):
        return [json.dumps({"code": done.code, "message": done.message}).encode(), b""]
    fields = {name: getattr(done, name) for name in Compressed.__slots__ if name != "content"}
    return [json.dumps(fields).encode(), done.content]


def read_answer(parts: Sequence[bytes]) -> Compressed:
    """Read an answer.

    Raises:
        CodecError: as the child met it, or `crashed` if the child talks nonsense.
    """
    try:
        head, content = parts
        fields: dict[str, Any] = json.loads(head)
        if "code" not in fields:
            return Compressed(content=content, **fields)
        error = CodecError(str(fields["code"]), str(fields["message"]))
    except (ValueError, TypeError, KeyError) as nonsense:
        raise CodecError("crashed", "The process that compresses gave no sensible answer.") from nonsense
    raise error


def explain(code: int) -> CodecError:
    """Say why a child is gone, by its exit code."""
    if -code in (signal.SIGXCPU, signal.SIGPROF):
        return CodecError("took_too_long", "Compressing took too much of the processor's time.")
    return CodecError("crashed", "The process that compresses died of this picture.")
