"""A broker of a proof's own, and the Celery that it serves: the embedded Valkey on a loopback port."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redis

from chatboost.core.supervisor.valkey import Server, binary_path
from tests.rig import Rig, await_true, free_port

BINARY = binary_path()
QUEUES = "interactive,campaign,media,maintenance"


@dataclass
class Broker:
    """One Valkey, started and stopped at will."""

    folder: Path
    server: Server = field(init=False)
    _process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.server = Server(folder=self.folder, socket=None, port=free_port(), password="rig-broker")

    @property
    def url(self) -> str:
        """Return the REDIS_URL."""
        return self.server.broker_url

    def start(self) -> None:
        """Start, and wait until it answers."""
        assert BINARY is not None
        command = self.server.argv(BINARY)
        with (self.folder / "valkey.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        await_true(self.server.answers, 20, "the broker did not start")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop in order; with SIGKILL as a power cut would."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(20)
            self._process = None

    def flush(self) -> None:
        """Have it forget everything."""
        with self._client() as client:
            client.flushall()

    def _client(self) -> redis.Redis:
        return self.server.client()


@contextmanager
def broker(folder: Path) -> Iterator[Broker]:
    """Run a broker of one's own."""
    one = Broker(folder / "valkey")
    one.start()
    try:
        yield one
    finally:
        one.stop(signal.SIGKILL)


def start_celery(rig: Rig) -> None:
    """Start a Celery worker of two processes, and beat; the rig's own kinds and ticks are known to them."""
    options = ("-c", "2", "-Q", QUEUES, "--without-gossip", "--without-mingle", "-I", "tests.rig_kinds")
    rig.start("worker", "celery", "-A", "chatboost.celery", "worker", *options)
    schedule = str(rig.folder / "beat")
    rig.start("beat", "celery", "-A", "chatboost.celery", "beat", "--pidfile=", "-s", schedule)
    # Their start is nobody's patience but ours.
    await_true(lambda: "ready." in rig.log("worker"), 60, "the worker did not start")
    await_true(lambda: "beat: Starting" in rig.log("beat"), 60, "beat did not start")


@contextmanager
def celery(rig: Rig) -> Iterator[None]:
    """Run Celery, and end its worker in order: killed, it would leave its processes behind."""
    start_celery(rig)
    try:
        yield
    finally:
        rig.end("beat", signal.SIGKILL)
        rig.end("worker")
