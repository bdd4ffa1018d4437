"""A PostgreSQL of a proof's own, to be shot at: on a loopback port, its files in the proof's folder."""

import os
import random
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.rig import await_true, free_port

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
# The second, since a change of user resets it.
LEASHED = ("setpriv", "--pdeathsig", "KILL")


@dataclass
class Postgres:
    """One server. Its superuser's name is `rig`."""

    folder: Path
    port: int = field(default_factory=free_port)
    password: str = field(default_factory=lambda: secrets.token_hex(16))
    _server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the DATABASE_URL."""
        return f"postgresql://rig:{self.password}@127.0.0.1:{self.port}/postgres"

    def create(self) -> None:
        """Make the files and start."""
        self.folder.mkdir(mode=0o700)
        file = self.folder / "password"
        file.write_text(self.password)
        if os.geteuid() == 0:
            # As root it would refuse to run; nobody must get at its folder.
            for path in (self.folder, file):
                shutil.chown(path, "nobody", "nogroup")
            _open_way_to(self.folder)
        subprocess.run(
            [
                *_as_nobody(),
                *(str(BINARIES[-1] / "initdb"), f"--pgdata={self.folder / 'data'}", "--username=rig"),
                *(f"--pwfile={file}", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"),
                "--no-sync",
            ],
            cwd=self.folder,
            check=True,
            capture_output=True,
        )
        self.start()

    def start(self) -> None:
        """Start, and wait until it answers; after a crash it recovers first."""
        command = [
            *(*_as_nobody(), *LEASHED, str(BINARIES[-1] / "postgres")),
            *("-D", str(self.folder / "data"), "-p", str(self.port), "-h", "127.0.0.1"),
            *("-c", "unix_socket_directories=", "-c", "max_connections=60", "-c", "shared_buffers=32MB"),
        ]
        with (self.folder / "server.log").open("ab") as log:
            self._server = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        await_true(self._answers, 60, "PostgreSQL did not start")

    def crash(self) -> None:
        """Stop as `immediate` does: every backend dies at once, nothing is written down."""
        self._end(signal.SIGQUIT)

    def stop(self) -> None:
        """Stop for good."""
        if self._server is not None and self._server.poll() is None:
            self._end(signal.SIGINT)

    def terminate_backends(self, count: int, rng: random.Random) -> None:
        """Close that many connections, one after the other, each somebody's at random."""
        others = "backend_type = 'client backend' AND pid <> pg_backend_pid()"
        with psycopg.connect(self.url, autocommit=True) as connection:
            while count:
                pids = [
                    pid for (pid,) in connection.execute(f"SELECT pid FROM pg_stat_activity WHERE {others}")
                ]
                if pids:
                    connection.execute("SELECT pg_terminate_backend(%s)", [rng.choice(pids)])
                    count -= 1
                time.sleep(rng.uniform(0.05, 0.2))

    def _end(self, number: signal.Signals) -> None:
        assert self._server is not None
        self._server.send_signal(number)
        self._server.wait(60)

    def _answers(self) -> bool:
        with suppress(psycopg.OperationalError):
            psycopg.connect(self.url, connect_timeout=2).close()
            return True
        return False


@contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """Run a server of one's own."""
    server = Postgres(folder / "postgres")
    server.create()
    try:
        yield server
    finally:
        server.stop()


def _as_nobody() -> Sequence[str]:
    return NOBODY if os.geteuid() == 0 else ()


def _open_way_to(folder: Path) -> None:
    """Let others pass through the folders above, which pytest keeps to their owner."""
    for parent in folder.parents:
        if parent.stat().st_uid == os.geteuid() and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
