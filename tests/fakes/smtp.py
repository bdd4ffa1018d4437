"""A mail server on the loopback: keeps what it takes, and goes wrong as a script says.

It speaks as much of RFC 5321 as a client that hands in one mail needs, with STARTTLS (RFC 3207) when it has a
certificate and AUTH PLAIN (RFC 4954) when it has a user.
"""

import base64
import socket
import socketserver
import ssl
import struct
import threading
import time
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Step(StrEnum):
    """Where in the talk something happens: instead of the answer to this."""

    CONNECT = "connect"
    HELLO = "hello"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"


class Action(StrEnum):
    """What happens instead of the answer. A body is taken first by those that ACCEPT."""

    REPLY = "reply"
    DROP = "drop"
    HANG = "hang"
    TRICKLE = "trickle"
    ACCEPT_THEN_DROP = "accept_then_drop"
    ACCEPT_THEN_RESET = "accept_then_reset"
    ACCEPT_THEN_HANG = "accept_then_hang"


@dataclass(kw_only=True)
class Fault:
    """One line of a script; `times` None means for ever."""

    step: Step
    action: Action = Action.REPLY
    reply: str = ""
    times: int | None = 1


@dataclass(frozen=True, slots=True)
class Taken:
    """A mail the server is responsible for."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    is_encrypted: bool
    user: str

    @property
    def message(self) -> EmailMessage:
        """The mail, parsed."""
        parsed = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed


class Cut(Exception):
    """The talk ends here."""


class SmtpServer:
    """A running server; use it as a context manager."""

    def __init__(
        self, *faults: Fault, tls: ssl.SSLContext | None = None, credentials: tuple[str, str] | None = None
    ) -> None:
        self.taken: list[Taken] = []
        self.commands: list[str] = []
        self.connection_count = 0
        self.faults = list(faults)
        self.tls = tls
        self.credentials = credentials
        self.released = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Talk)
        self._server.fake = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True)

    @property
    def port(self) -> int:
        """The port that was bound."""
        return int(self._server.server_address[1])

    def next_fault(self, step: Step) -> Fault | None:
        """Return what goes wrong at this step, and count it."""
        with self._lock:
            for fault in self.faults:
                if fault.step == step and fault.times != 0:
                    fault.times = None if fault.times is None else fault.times - 1
                    return fault
        return None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    block_on_close = False
    fake: SmtpServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet about clients that vanish: it is part of the play."""


@dataclass
class _Letter:
    sender: str = ""
    recipients: list[str] = field(default_factory=list)


class _Talk(socketserver.BaseRequestHandler):
    server: _Server

    def setup(self) -> None:
        self.fake = self.server.fake
        self.sock: socket.socket = self.request
        self.buffer = b""
        self.letter = _Letter()
        self.is_encrypted = False
        self.user = ""

    def handle(self) -> None:
        self.fake.connection_count += 1
        try:
            self._answer(Step.CONNECT, "220 mail.example ready")
            while True:
                self._command(self._line().decode("ascii"))
        except Cut:
            pass
        finally:
            self.sock.close()

    def _command(self, line: str) -> None:
        word = line.split(" ", 1)[0].upper()
        self.fake.commands.append(line.replace(line[: len(word)], word) if word != "AUTH" else word)
        match word:
            case "EHLO" | "HELO":
                self._answer(Step.HELLO, self._extensions())
            case "STARTTLS" if self.fake.tls:
                self._say("220 go ahead")
                self.sock = self.fake.tls.wrap_socket(self.sock, server_side=True)
                self.is_encrypted, self.buffer = True, b""
            case "AUTH":
                self._sign_in(line)
            case "MAIL":
                self.letter = _Letter(sender=_address(line))
                is_open = self.fake.credentials is None or bool(self.user)
                self._answer(Step.MAIL, "250 ok" if is_open else "530 5.7.0 Authentication required")
            case "RCPT":
                self.letter.recipients.append(_address(line))
                self._answer(Step.RCPT, "250 ok")
            case "DATA":
                if self._answer(Step.DATA, "354 end with a dot"):
                    self._take(self._body())
            case "QUIT":
                self._say("221 bye")
                raise Cut
            case "RSET" | "NOOP":
                self._say("250 ok")
            case _:
                self._say("502 not implemented")

    def _extensions(self) -> str:
        words = ["mail.example", "8BITMIME"]
        if self.fake.tls and not self.is_encrypted:
            words.append("STARTTLS")
        if self.fake.credentials:
            words.append("AUTH PLAIN")
        return "\r\n".join([*(f"250-{word}" for word in words[:-1]), f"250 {words[-1]}"])

    def _sign_in(self, line: str) -> None:
        _, user, password = base64.b64decode(line.split()[-1]).decode().split("\x00")
        is_right = (user, password) == self.fake.credentials
        self.user = user if is_right else ""
        self._answer(Step.AUTH, "235 welcome" if is_right else "535 5.7.8 Authentication failed")

    def _take(self, raw: bytes) -> None:
        fault = self.fake.next_fault(Step.BODY)
        if fault is None or fault.action.startswith("accept"):
            self.fake.taken.append(
                Taken(
                    self.letter.sender,
                    tuple(self.letter.recipients),
                    raw,
                    self.is_encrypted,
                    self.user,
                )
            )
        self._play(fault, "250 2.0.0 taken")

    def _answer(self, step: Step, reply: str) -> bool:
        """Say it, or what the script has instead; returns whether it was said."""
        return self._play(self.fake.next_fault(step), reply)

    def _play(self, fault: Fault | None, reply: str) -> bool:
        match fault:
            case None:
                self._say(reply)
                return True
            case Fault(action=Action.REPLY):
                self._say(fault.reply)
                return False
            case Fault(action=Action.HANG | Action.ACCEPT_THEN_HANG):
                self.fake.released.wait(30)
            case Fault(action=Action.TRICKLE):
                self._trickle(reply)
            case Fault(action=Action.ACCEPT_THEN_RESET):
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        raise Cut

    def _trickle(self, reply: str) -> None:
        """Begin an answer of many lines and never end it: a byte, then another."""
        for byte in (f"{reply[:3]}-" + "." * 600).encode():
            if self.fake.released.is_set():
                return
            self.sock.sendall(bytes([byte]))
            time.sleep(0.05)

    def _say(self, reply: str) -> None:
        self.sock.sendall(reply.encode() + b"\r\n")

    def _line(self) -> bytes:
        while b"\r\n" not in self.buffer:
            self._receive()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def _body(self) -> bytes:
        lines = []
        while (line := self._line()) != b".":
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"\r\n".join(lines) + b"\r\n"

    def _receive(self) -> None:
        received = self.sock.recv(65536)
        if not received:
            raise Cut
        self.buffer += received


def _address(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]
