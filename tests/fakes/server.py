"""The HTTP server under every fake: threads, keep-alive, JSON, and answers that misbehave on purpose.

It binds 127.0.0.1 only. A fake maps a request to an answer; how an answer goes wrong (cut off, drip-fed,
never sent) is settled here once, so that every vendor can fail in the same ways.
"""

import contextlib
import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Delivery(StrEnum):
    """How an answer reaches the client."""

    WHOLE = "whole"
    TRICKLE = "trickle"
    RESET = "reset"
    HANG = "hang"
    # The body again and again, in chunks, for as long as somebody listens.
    ENDLESS = "endless"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; header names are lower-case, `query` keeps the last value of a name."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Parse the body; None where it isn't JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer. `seconds` is the pause between bytes of a trickle, or the longest wait of a hang."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json; charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    delivery: Delivery = Delivery.WHOLE
    seconds: float = 0.0


Respond = Callable[[Request], Answer]


def json_answer(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Make an answer that carries JSON."""
    return Answer(status=status, body=json.dumps(value).encode(), headers=headers or {})


class LoopbackServer:
    """A running server; use it as a context manager. `port` 0 takes a free one.

    `release()` ends every hang that is under way: the connection is then closed without an answer.
    """

    def __init__(self, respond: Respond, *, port: int = 0) -> None:
        """Bind the port; `start` begins to answer."""
        self._released = threading.Event()
        self._server = _Server(("127.0.0.1", port), _handler_class(respond, self.wait_for_release))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True)

    @property
    def port(self) -> int:
        """Return the port that was bound."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Return the base address, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Answer in background threads."""
        self._thread.start()

    def stop(self) -> None:
        """Stop accepting, let go of hanging requests and cut open connections."""
        self.release()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.cut_connections()

    def release(self) -> None:
        """Wake everything that hangs or is held now; later ones wait again."""
        released, self._released = self._released, threading.Event()
        released.set()

    def wait_for_release(self, seconds: float) -> None:
        """Block the calling request until `release` or for `seconds`."""
        self._released.wait(seconds)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        # An orderly shutdown would send FIN before the reset that was asked for.
        if _resets_on_close(request):
            request.close()
        else:
            super().shutdown_request(request)

    def cut_connections(self) -> None:
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            # Wakes the thread that waits for the next request; that thread closes the socket itself.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet about clients that vanish, which is part of the play; show anything else."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _handler_class(respond: Respond, wait: Callable[[float], None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "Fake"
        sys_version = ""
        disable_nagle_algorithm = True
        # Headers and body leave in one packet.
        wbufsize = 64 * 1024

        def handle_expect_100(self) -> bool:
            """Say at once that the body may come: its sender waits."""
            super().handle_expect_100()
            self.wfile.flush()
            return True

        def _handle(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            request = Request(
                method=self.command,
                path=parts.path,
                query=dict(parse_qsl(parts.query)),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(length) if length else b"",
            )
            self._answer(respond(request))

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815

        def _answer(self, answer: Answer) -> None:
            if answer.delivery is Delivery.RESET:
                self._reset()
                return
            if answer.delivery is Delivery.HANG:
                wait(answer.seconds)
                self.close_connection = True
                return
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            if answer.delivery is Delivery.ENDLESS:
                self.send_header("Transfer-Encoding", "chunked")
            else:
                self.send_header("Content-Length", str(len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            if answer.delivery is Delivery.TRICKLE:
                self._trickle(answer)
            elif answer.delivery is Delivery.ENDLESS:
                self._pour(answer.body)
            else:
                self.wfile.write(answer.body)

        def _trickle(self, answer: Answer) -> None:
            for index in range(len(answer.body)):
                self.wfile.write(answer.body[index : index + 1])
                self.wfile.flush()
                time.sleep(answer.seconds)

        def _pour(self, body: bytes) -> None:
            while True:
                self.wfile.write(f"{len(body):x}\r\n".encode() + body + b"\r\n")

        def _reset(self) -> None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test output quiet."""

    return Handler


def _resets_on_close(connection: socket.socket) -> bool:
    try:
        return connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == _RESET_ON_CLOSE
    except OSError:
        return False
