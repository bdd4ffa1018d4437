"""The doorbell on real brokers: a nudge starts the work at once, and a lost one costs only time."""

import fcntl
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import kombu
import pytest

from tests.core.processes import wait_until

pytestmark = pytest.mark.services

ROOT = Path(__file__).resolve().parents[2]
BROKERS = ["REDIS_URL", "RABBITMQ_URL"]
# A worker loads the whole product on a machine that may be busy.
START_SECONDS = 90.0
# No sweep runs here unless a test asks for one, so what is done this soon was done by the nudge.
NUDGE_SECONDS = 10.0


@dataclass
class Site:
    """One installation on one broker: a database, a peer that enqueues, and perhaps a worker."""

    folder: Path
    broker_url: str
    queue: str
    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    _peer: subprocess.Popen[str] | None = None

    def env(self) -> dict[str, str]:
        # Without the services' own URLs, nothing but the broker under test is shared with other tests.
        outside = {name: value for name, value in os.environ.items() if name not in BROKERS}
        return {
            **outside,
            "DJANGO_SETTINGS_MODULE": "chatboost.settings.test",
            "CHATBOOST_ENV_FILE": "",
            "CHATBOOST_DATA_DIR": str(self.folder / "data"),
            "DATABASE_URL": f"sqlite:///{self.folder / 'site.sqlite3'}",
            "CELERY_BROKER_URL": self.broker_url,
            "WORK_CELERY_QUEUES": self.queue,
            "WORK_SWEEP_SECONDS": "3600",
        }

    def migrate(self) -> None:
        subprocess.run(
            [sys.executable, "-m", "django", "migrate", "-v0"],
            cwd=ROOT,
            env=self.env(),
            check=True,
            timeout=300,
        )

    def tell(self, line: str) -> str:
        """Have another process do something; returns its answer once it has committed."""
        if self._peer is None:
            self._peer = self._spawn("tests.core.broker_peer")
            assert self._read(self._peer) == "ready"
        assert self._peer.stdin
        self._peer.stdin.write(line + "\n")
        self._peer.stdin.flush()
        return self._read(self._peer)

    def start_worker(self) -> None:
        """Start Celery and wait until it consumes."""
        worker = self._spawn(
            *("celery", "-A", "chatboost.celery", "worker", "-Q", self.queue, "-c", "1", "-l", "INFO"),
            *("-n", f"{self.queue}@%h", "--without-mingle", "--without-gossip"),
        )
        log = self.folder / "celery.log"
        wait_until(lambda: " ready." in log.read_text() or worker.poll() is not None, START_SECONDS)
        assert worker.poll() is None, log.read_text()[-4000:]

    def is_done(self) -> bool:
        return self.tell("open") == "0"

    def waiting_nudges(self) -> int:
        with kombu.Connection(self.broker_url) as connection:
            try:
                declared = connection.default_channel.queue_declare(queue=self.queue, passive=True)
            except connection.channel_errors:
                return 0
            return int(declared.message_count)

    def lose_nudges(self) -> None:
        """Throw away everything that the broker holds for the queue."""
        with kombu.Connection(self.broker_url) as connection:
            channel = connection.default_channel
            if connection.transport.driver_type == "redis":
                channel.client.flushdb()
            else:
                channel.queue_delete(queue=self.queue)

    def stop(self) -> None:
        for process in self.processes:
            # Celery's warm shutdown: its pool's children go with it.
            process.terminate()
        for process in self.processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)

    def _spawn(self, *arguments: str) -> subprocess.Popen[str]:
        with (self.folder / f"{arguments[0].split('.')[-1]}.log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=ROOT,
                env=self.env(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if arguments[0] == "tests.core.broker_peer" else log,
                stderr=log,
                text=True,
            )
        self.processes.append(process)
        return process

    def _read(self, process: subprocess.Popen[str]) -> str:
        # readline() knows no timeout, but ends when the process does.
        assert process.stdout
        timer = threading.Timer(START_SECONDS, process.kill)
        timer.start()
        try:
            line = process.stdout.readline().strip()
        finally:
            timer.cancel()
        assert line, (self.folder / "broker_peer.log").read_text()[-4000:]
        return line


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty, migrated database file to copy."""
    site = Site(tmp_path_factory.mktemp("migrated"), "memory://", "maintenance")
    site.migrate()
    return site.folder / "site.sqlite3"


def site_on(variable: str, queue: str, redis_database: int, migrated: Path, folder: Path) -> Site:
    """Each kind of site has a queue and a database of Redis of its own."""
    url = os.environ.get(variable)
    assert url, f"{variable} is missing: run this beside `.ci/services.sh run --with redis,rabbitmq`"
    if variable == "REDIS_URL":
        url = f"{url.rpartition('/')[0]}/{redis_database}"
    shutil.copy(migrated, folder / "site.sqlite3")
    site = Site(folder, url, queue)
    site.lose_nudges()
    return site


@pytest.fixture(autouse=True)
def _turn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Wait until no test in another process uses the brokers: its worker would take the nudge of ours.

    The queues have the product's names, so they can't be told apart.
    """
    with (tmp_path_factory.getbasetemp().parent / "brokers.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(params=BROKERS)
def served(request: pytest.FixtureRequest, migrated: Path, tmp_path: Path) -> Iterator[Site]:
    site = site_on(request.param, "maintenance", 14, migrated, tmp_path)
    try:
        yield site
    finally:
        site.stop()


@pytest.fixture(params=BROKERS)
def bereft(request: pytest.FixtureRequest, migrated: Path, tmp_path: Path) -> Iterator[Site]:
    """A site whose worker starts after the broker has lost the nudge of an item."""
    site = site_on(request.param, "media", 15, migrated, tmp_path)
    try:
        site.tell(f"enqueue {site.queue}")
        wait_until(lambda: site.waiting_nudges() == 1)
        site.lose_nudges()
        site.start_worker()
        yield site
    finally:
        site.stop()


def test_nudge_through_the_broker_has_the_item_done_at_once(served: Site) -> None:
    served.start_worker()
    served.tell(f"enqueue {served.queue}")
    wait_until(served.is_done, NUDGE_SECONDS)


def test_nudge_sent_before_the_worker_started_is_not_lost(served: Site) -> None:
    served.tell(f"enqueue {served.queue}")
    wait_until(lambda: served.waiting_nudges() == 1)
    served.start_worker()
    wait_until(served.is_done, NUDGE_SECONDS)


def test_item_whose_nudge_was_lost_is_done_at_the_next_nudge(bereft: Site) -> None:
    assert bereft.tell("open") == "1"
    bereft.tell(f"enqueue {bereft.queue}")
    wait_until(bereft.is_done, NUDGE_SECONDS)


def test_item_whose_nudge_was_lost_is_done_after_a_sweep(bereft: Site) -> None:
    assert bereft.tell("open") == "1"
    bereft.tell("sweep")
    wait_until(bereft.is_done, NUDGE_SECONDS)
