"""One connection to one peer: send a request, read its answer, know what can be said when that fails.

h11 writes and parses HTTP/1.1, the socket is ours. The deadline is total without a second thread: each read
of the socket gets only what is left of it, so a peer that trickles a byte a second gains nothing. urllib3,
requests and httpx have no such deadline and don't tell a request that never left from one whose outcome is
open.
"""

import os
import re
import socket
import ssl
import time
from collections.abc import Iterable

import h11

from chatboost.core.http import deadlines, decoding, errors
from chatboost.core.http.response import Head, Response

MAX_HEAD_BYTES = 64 * 1024
MAX_INTERIM_ANSWERS = 8
_SEND_BYTES = 64 * 1024
# h11's patterns take quadratic time on blanks: 0.1 s for as many as one read brings, 20 s for a whole head.
_READ_BYTES = 4 * 1024
_BLANKS = re.compile(rb"[ \t\r\n]{256}")


class Connection:
    """A connected socket with HTTP/1.1 on it; one thread at a time."""

    def __init__(self, sock: socket.socket, *, host: str) -> None:
        self.used_at = time.monotonic()
        self.is_reusable = False
        self._host = host
        self._sock = sock
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._has_sent = False
        self._pid = os.getpid()

    def exchange(
        self, request: h11.Request, body: bytes, *, deadline: deadlines.Deadline, max_bytes: int
    ) -> Response:
        """Send a request and return the whole answer.

        Raises: NotSent; OutcomeUnknown; TooLarge.
        """
        head = self.ask(request, body, deadline)
        return self.read_rest(head, deadline, max_bytes)

    def ask(self, request: h11.Request, body: bytes, deadline: deadlines.Deadline) -> Head:
        """Send a request and return the head of its answer.

        Raises: NotSent before the first byte has left, OutcomeUnknown after it.
        """
        self.is_reusable = False
        self._has_sent = False
        try:
            self._send(self._render(request, body), deadline)
            return self._read_head(deadline)
        except (OSError, h11.RemoteProtocolError) as error:
            raise self._failure(error) from None

    def read_rest(self, head: Head, deadline: deadlines.Deadline, max_bytes: int) -> Response:
        """Return the answer whose head has been read, with its body.

        Raises: OutcomeUnknown; TooLarge.
        """
        try:
            raw = self._read_body(head, deadline, max_bytes)
            body = decoding.decode(raw, head.headers.get("content-encoding", ""), max_bytes)
        except decoding.OverCap as error:
            raise errors.TooLarge(head.status, f"the answer is over {max_bytes} bytes") from error
        except (OSError, h11.RemoteProtocolError, decoding.BadCoding) as error:
            raise self._failure(error) from None
        # Only here: an exception thrown into the thread any earlier leaves bytes of this answer behind.
        self._start_next(head)
        return Response(status=head.status, headers=head.headers, body=body)

    def is_dropped(self) -> bool:
        """Tell whether an idle connection must not be used again.

        It must not when the peer has closed it or has sent bytes nobody asked for, and when it was opened
        before a fork, since the parent may be using the same socket.
        """
        if self._pid != os.getpid():
            return True
        self._sock.settimeout(0)
        try:
            self._sock.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True
        return True

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def _render(self, request: h11.Request, body: bytes) -> bytes:
        send = self._protocol.send
        return send(request) + (send(h11.Data(body)) if body else b"") + send(h11.EndOfMessage())

    def _send(self, payload: bytes, deadline: deadlines.Deadline) -> None:
        # Under TLS a failed first write may have put records on the wire, on a plain socket it has not.
        is_tls = isinstance(self._sock, ssl.SSLSocket)
        view = memoryview(payload)
        while view:
            self._sock.settimeout(deadline.remaining())
            self._has_sent = self._has_sent or is_tls
            try:
                sent = self._sock.send(view[:_SEND_BYTES])
            except ConnectionError:
                if not self._has_sent:
                    raise
                # The peer takes no more, as it may after an early answer: that is still there to be read.
                self._protocol.send_failed()
                return
            self._has_sent = True
            view = view[sent:]

    def _read_head(self, deadline: deadlines.Deadline) -> Head:
        self._receive(deadline)
        for _ in range(MAX_INTERIM_ANSWERS):
            while (event := self._protocol.next_event()) is h11.NEED_DATA:
                self._receive(deadline)
            if isinstance(event, h11.Response):
                return Head(status=event.status_code, headers=_join(event.headers))
        raise h11.RemoteProtocolError("too many interim answers")

    def _read_body(self, head: Head, deadline: deadlines.Deadline, max_bytes: int) -> bytes:
        announced = int(head.headers.get("content-length", 0))
        body = bytearray()
        while not isinstance(event := self._protocol.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Data):
                body += event.data
            if max(announced, len(body)) > max_bytes:
                raise decoding.OverCap
            if event is h11.NEED_DATA:
                self._receive(deadline)
        return bytes(body)

    def _receive(self, deadline: deadlines.Deadline) -> None:
        """Read the socket once; what h11 still holds then is part of a head, a chunk's line or a trailer."""
        held = self._protocol.trailing_data[0]
        if _BLANKS.search(held, len(held) - 2 * _READ_BYTES):
            raise h11.RemoteProtocolError("too many blanks")
        self._sock.settimeout(deadline.remaining())
        data = self._sock.recv(_READ_BYTES)
        if not data and self._protocol.their_state is h11.SEND_RESPONSE:
            raise h11.RemoteProtocolError("closed inside the head" if held else "closed without an answer")
        self._protocol.receive_data(data)

    def _start_next(self, head: Head) -> None:
        # With both lengths given, peer and go-between may disagree on where the answer ended.
        is_ambiguous = {"content-length", "transfer-encoding"} <= head.headers.keys()
        is_done = self._protocol.our_state is self._protocol.their_state is h11.DONE
        if is_done and not is_ambiguous and self._protocol.trailing_data == (b"", False):
            self._protocol.start_next_cycle()
            self.used_at = time.monotonic()
            self.is_reusable = True

    def _failure(self, error: Exception) -> errors.HttpError:
        reason = _reason(error)
        if self._has_sent:
            return errors.OutcomeUnknown(f"{self._host}: no whole answer ({reason})")
        return errors.NotSent(f"{self._host}: not sent ({reason})")


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "deadline passed"
    text = str(error) or type(error).__name__
    # After a colon h11 quotes what the peer sent, which may hold secrets; so does the error's own traceback.
    return text.partition(":")[0] if isinstance(error, h11.RemoteProtocolError) else text


def _join(fields: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in fields:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
