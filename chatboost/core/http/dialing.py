"""Open sockets: find addresses, connect to one of them, start TLS, all inside a deadline."""

import functools
import ipaddress
import queue
import socket
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import certifi

from chatboost.core.http import deadlines, errors

CONNECT_SECONDS = 3.0
# More would leave each attempt too little of the connect time for a far peer's answer.
MAX_ADDRESSES = 4


@dataclass(frozen=True, slots=True)
class Address:
    """Where a socket can be connected to."""

    ip: ipaddress.IPv4Address | ipaddress.IPv6Address
    port: int

    @property
    def family(self) -> socket.AddressFamily:
        """Return the socket family of the address."""
        return socket.AF_INET if self.ip.version == 4 else socket.AF_INET6


def resolve(host: str, port: int, deadline: deadlines.Deadline) -> list[Address]:
    """Return the host's addresses in the resolver's order, without repeats.

    Raises: NotSent.
    """
    try:
        return [Address(ip=ipaddress.ip_address(host), port=port)]
    except ValueError:
        found = _look_up(host, port, deadline)
    return list(dict.fromkeys(Address(ip=ipaddress.ip_address(ip), port=port) for ip in found))


def connect(host: str, addresses: Sequence[Address], deadline: deadlines.Deadline) -> socket.socket:
    """Return a socket connected to the first address that answers, within 3 s for all of them together.

    Raises: NotSent.
    """
    tries = addresses[:MAX_ADDRESSES]
    failure: OSError | None = None
    try:
        budget = min(CONNECT_SECONDS, deadline.remaining())
        for index, address in enumerate(tries):
            try:
                return _connect_one(address, budget / (len(tries) - index))
            except OSError as error:
                failure = error
            budget = min(budget, deadline.remaining())
    except deadlines.DeadlinePassed as error:
        failure = error
    raise errors.NotSent(f"{host}: connect failed ({_reason(failure)})") from failure


def start_tls(
    sock: socket.socket, host: str, deadline: deadlines.Deadline, context: ssl.SSLContext | None
) -> ssl.SSLSocket:
    """Return the socket under TLS, the peer's certificate checked against `host`; closes it on failure.

    Raises: NotSent.
    """
    try:
        # One timeout covers the whole handshake: CPython counts it down across its reads and writes.
        sock.settimeout(deadline.remaining())
        return (context or _default_context()).wrap_socket(sock, server_hostname=host)
    except (OSError, ValueError) as error:
        sock.close()
        raise errors.NotSent(f"{host}: TLS failed ({_reason(error)})") from error


@functools.cache
def _default_context() -> ssl.SSLContext:
    # The system's roots for private authorities an operator has added, certifi's for slim images without any.
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


def _look_up(host: str, port: int, deadline: deadlines.Deadline) -> list[str]:
    # getaddrinfo takes no timeout and may sit for half a minute: it gets a thread we can stop waiting for.
    answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put([str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
        except (OSError, UnicodeError) as error:
            answers.put(error)

    try:
        seconds = deadline.remaining()
        threading.Thread(target=ask, name="resolve", daemon=True).start()
        answer = answers.get(timeout=seconds)
    except (queue.Empty, deadlines.DeadlinePassed) as error:
        raise errors.NotSent(f"{host}: no address before the deadline") from error
    if isinstance(answer, Exception):
        raise errors.NotSent(f"{host}: no address") from answer
    return answer


def _connect_one(address: Address, seconds: float) -> socket.socket:
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        sock.settimeout(seconds)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect((str(address.ip), address.port))
    except BaseException:
        sock.close()
        raise
    return sock


def _reason(error: Exception | None) -> str:
    if error is None:
        return "no address"
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, TimeoutError):
        return "timed out"
    return getattr(error, "strerror", None) or type(error).__name__
