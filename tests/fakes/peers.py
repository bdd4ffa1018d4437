"""Loopback peers that speak scripted bytes, and a network that lets nothing past loopback."""

import contextlib
import re
import socket
import ssl
import struct
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Self

import pytest

Script = Callable[["Talk"], None]
REAL_GETADDRINFO = socket.getaddrinfo
REAL_CONNECT = socket.socket.connect
REAL_GETPEERNAME = socket.socket.getpeername


def answer(body: bytes = b"{}", status: str = "200 OK", **fields: str) -> bytes:
    """Return an answer's bytes with its length; a field's underscores become hyphens."""
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items()]
    head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{''.join(lines)}\r\n"
    return head.encode(errors="surrogatepass") + body


def redirect(location: str, status: int = 302) -> bytes:
    return answer(b"", f"{status} Elsewhere", location=location)


class Talk:
    """One accepted connection, as a script sees it."""

    def __init__(self, sock: socket.socket, peer: "Peer") -> None:
        self.sock = sock
        self.peer = peer
        self._received = b""

    def read(self) -> bytes:
        """Return one request, head and body; raise EOFError when the client has closed."""
        while b"\r\n\r\n" not in self._received:
            self._receive()
        head = self._received.partition(b"\r\n\r\n")[0]
        length = re.search(rb"\r\ncontent-length: (\d+)", head)
        end = len(head) + 4 + (int(length[1]) if length else 0)
        while len(self._received) < end:
            self._receive()
        request, self._received = self._received[:end], self._received[end:]
        self.peer.requests.append(request)
        return request

    def read_head_only(self) -> None:
        while b"\r\n\r\n" not in self._received:
            self._receive()
        self.peer.requests.append(self._received)

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def trickle(self, data: bytes) -> None:
        """Send a byte every 20 ms, again from the start at the end, until the client gives up."""
        while not self.peer.stopped.wait(0.02):
            self.sock.sendall(data[:1])
            data = data[1:] + data[:1]

    def flood(self, data: bytes) -> None:
        while not self.peer.stopped.is_set():
            self.sock.sendall(data)

    def hang(self) -> None:
        self.peer.stopped.wait(20)

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def _receive(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise EOFError
        self._received += data


class Peer:
    """A listener on 127.0.0.1 that runs a script for each connection and keeps what it was sent."""

    def __init__(self, script: Script, *, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self.connection_count = 0
        self.hung_up = threading.Semaphore(0)
        self.stopped = threading.Event()
        self._script = script
        self._tls = tls
        self._socks: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._socks:
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connection_count += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                sock = self._tls.wrap_socket(sock, server_side=True)
            self._socks.append(sock)
            self._script(Talk(sock, self))
        except (OSError, EOFError):
            pass  # the client went away, which some scripts wait for
        finally:
            sock.close()
            self.hung_up.release()


def always(data: bytes) -> Script:
    """Answer every request of a connection with the same bytes."""

    def script(talk: Talk) -> None:
        while True:
            talk.read()
            talk.send(data)

    return script


def once(data: bytes) -> Script:
    """Answer one request, then close."""

    def script(talk: Talk) -> None:
        talk.read()
        talk.send(data)

    return script


class Network:
    """Name lookups from a table, and connects that reach loopback or nothing.

    `names` maps a name to its answers, one list of addresses per lookup, the last one for ever. `routes` maps
    an outside (address, port) to a loopback port, and such a socket claims to be connected outside.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: dict[str, list[list[str]]] = {}
        self.routes: dict[tuple[str, int], int] = {}
        self.looked_up: list[str] = []
        self.connects: list[tuple[str, int]] = []
        self.claims_outside = True
        self._outside: weakref.WeakKeyDictionary[socket.socket, tuple[str, int]] = weakref.WeakKeyDictionary()
        monkeypatch.setattr(socket, "getaddrinfo", self._getaddrinfo)
        monkeypatch.setattr(socket.socket, "connect", lambda sock, address: self._connect(sock, address))
        monkeypatch.setattr(socket.socket, "getpeername", lambda sock: self._getpeername(sock))

    def name(self, host: str, *answers: Sequence[str]) -> None:
        self.names[host] = [list(addresses) for addresses in answers]

    def route(self, host: str, peer: Peer, *, ip: str = "93.184.216.34", port: int = 80) -> None:
        """Make a name stand for a public address that leads to a peer."""
        self.name(host, [ip])
        self.routes[ip, port] = peer.port

    def _getaddrinfo(self, host: str, port: int, **kwargs: int) -> list[object]:
        # What the C library reads as an address stays one: 0x7f.1 and circled digits are loopback to it.
        with contextlib.suppress(OSError):
            return list(REAL_GETADDRINFO(host, port, flags=socket.AI_NUMERICHOST, type=socket.SOCK_STREAM))
        self.looked_up.append(host)
        if host not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        answers = self.names[host]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(0, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in found]

    def _connect(self, sock: socket.socket, address: tuple[str, int]) -> None:
        where = (address[0], address[1])
        self.connects.append(where)
        if where in self.routes:
            self._outside[sock] = where
            REAL_CONNECT(sock, ("127.0.0.1", self.routes[where]))
        elif where[0] == "127.0.0.1":
            REAL_CONNECT(sock, address)
        else:
            raise OSError(f"a packet would have left for {where}")

    def _getpeername(self, sock: socket.socket) -> object:
        if self.claims_outside and sock in self._outside:
            return self._outside[sock]
        return REAL_GETPEERNAME(sock)
