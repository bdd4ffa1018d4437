"""One mail to an SMTP server, and how far it got.

Django's backend raises the same error whether the connection broke before the mail or after it; what may be
sent again depends on exactly that. Source: RFC 5321 §4.2.5 and §6.1: a server is responsible for a mail once
it has answered 2yz to the end of its data, and not before.
"""

import ipaddress
import re
import smtplib
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

MAX_REASON = 300
# Beside the deadline of the talk itself: attachments may take their time.
BYTES_PER_SECOND = 200_000

# Ours to put right, not the mail's fault: authentication or encryption required, or refused.
# Source: RFC 4954 §6, RFC 3207 §4.
_OUR_FAULT = {530, 534, 535, 538}
_LINE_START_DOT = re.compile(rb"(?m)^\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where and how to hand in mail. `name` is how we greet; `tls` checks the server's certificate."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    use_tls: bool = False
    use_ssl: bool = False
    deadline: timedelta = timedelta(seconds=10)
    name: str = "localhost"
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """One mail to one recipient. `message` has CRLF line ends."""

    sender: str
    recipient: str
    message: bytes


@dataclass(frozen=True, slots=True)
class Taken:
    """The server is responsible for the mail now."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The server said no, for good."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The server certainly has not taken the mail; it may another time."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """The mail was handed over whole, and no answer came: the server may have taken it."""

    reason: str


Outcome = Taken | Refused | NotTaken | Unclear


def send(server: Server, envelope: Envelope) -> Outcome:
    """Hand in one mail; never raises for what a server or a network does."""
    seconds = server.deadline.total_seconds() + len(envelope.message) / BYTES_PER_SECOND
    watchdog = _Watchdog(seconds)
    try:
        client = _connect(server, watchdog)
    except (OSError, smtplib.SMTPException) as error:
        return NotTaken(_words(error, watchdog))
    try:
        return _hand_in(client, envelope, watchdog)
    finally:
        watchdog.stop()
        client.close()


class _Watchdog:
    """Cuts a connection when its time is up, so that even a byte a second can't hold a worker."""

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self.client: smtplib.SMTP | None = None
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        self._timer.cancel()

    def _cut(self) -> None:
        self.is_over = True
        connection = self.client.sock if self.client else None
        if isinstance(connection, socket.socket):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _connect(server: Server, watchdog: _Watchdog) -> smtplib.SMTP:
    """Connect, encrypt and sign in. Raises OSError or SMTPException."""
    settings: dict[str, Any] = {
        "local_hostname": _greeting(server.name),
        "timeout": server.deadline.total_seconds(),
    }
    context = server.tls or ssl.create_default_context()
    client = _SecureClient(context=context, **settings) if server.use_ssl else _Client(**settings)
    watchdog.client = client
    try:
        client.open(server.host, server.port)
        if server.use_tls and not server.use_ssl:
            client.starttls(context=context)
        if server.user:
            client.login(server.user, server.password)
        client.ehlo_or_helo_if_needed()
    except BaseException:
        watchdog.stop()
        client.close()
        raise
    return client


class _Opening:
    """Connects only when told to, so that the watchdog knows the client before that."""

    def open(self: Any, host: str, port: int) -> None:
        """Connect to a server that is ready for mail."""
        # The name that a certificate is checked against; smtplib learns it only when it connects by itself.
        self._host = host
        code, reply = self.connect(host, port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, reply)


class _Client(_Opening, smtplib.SMTP):
    """A client that may encrypt later."""


class _SecureClient(_Opening, smtplib.SMTP_SSL):
    """A client that encrypts from the first byte."""


def _hand_in(client: smtplib.SMTP, envelope: Envelope, watchdog: _Watchdog) -> Outcome:
    try:
        options = ["BODY=8BITMIME"] if client.has_extn("8bitmime") else []
        for code, reply in (
            client.mail(envelope.sender, options),
            client.rcpt(envelope.recipient),
        ):
            if code // 100 != 2:
                return _no(code, reply)
        code, reply = client.docmd("DATA")
        if code != 354:
            return _no(code, reply)
        # An end of data that did not leave whole can't have been answered.
        client.send(_data(envelope.message))
    except (OSError, smtplib.SMTPException) as error:
        return NotTaken(_words(error, watchdog))
    try:
        code, reply = client.getreply()
    except (OSError, smtplib.SMTPException) as error:
        return Unclear(_words(error, watchdog))
    if code // 100 == 2:
        with suppress(OSError, smtplib.SMTPException):
            client.quit()
        return Taken()
    return _no(code, reply) if code // 100 in (4, 5) else Unclear(_reason(code, reply))


def _no(code: int, reply: bytes) -> Outcome:
    is_final = code // 100 == 5 and code not in _OUR_FAULT
    return Refused(_reason(code, reply)) if is_final else NotTaken(_reason(code, reply))


def _data(message: bytes) -> bytes:
    """Return the message as DATA wants it: dots doubled at line starts, a dot alone at the end."""
    ended = message if message.endswith(b"\r\n") else message + b"\r\n"
    return _LINE_START_DOT.sub(b"..", ended) + b".\r\n"


def _greeting(name: str) -> str:
    try:
        return f"[{ipaddress.IPv4Address(name)}]"
    except ValueError:
        return name


def _reason(code: int, reply: bytes) -> str:
    return _one_line(f"{code} {reply.decode('utf-8', 'replace')}")


def _words(error: Exception, watchdog: _Watchdog) -> str:
    if watchdog.is_over:
        return "The mail server did not answer in time."
    if isinstance(error, smtplib.SMTPResponseException):
        reply = error.smtp_error
        return _reason(error.smtp_code, reply if isinstance(reply, bytes) else str(reply).encode())
    return _one_line(f"{type(error).__name__}: {error}")


def _one_line(text: str) -> str:
    return " ".join(text.replace("\x00", "").split())[:MAX_REASON]
