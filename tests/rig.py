"""The test rig: real processes on real databases and free ports, killed, paused, starved and judged.

Processes are forked from a parent that has loaded the product once (`tests.rig_parent`), so a killed worker
is back within milliseconds. Lease, sweep and back-off are short, so an hour's recovery fits into seconds.
What the outside world saw is in the fake vendor's ledger; `tests.rig_load` makes the plan and the judgement.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).resolve().parents[1]
APP_SECRET = "rig-app-secret"
ACCESS_TOKEN = "rig-access-token"
QUEUES = ("interactive", "maintenance")

FAST = {
    "WORK_LEASE_SECONDS": "2",
    "WORK_SWEEP_SECONDS": "0.2",
    "WORK_BACKOFF_BASE_SECONDS": "0.2",
    "WORK_BACKOFF_CAP_SECONDS": "2",
    "WORK_POLL_SECONDS": "0.02",
    "SEND_UNKNOWN_GRACE_SECONDS": "10",
    "VENDOR_DEADLINE_SECONDS": "1",
    "WORK_CELERY_QUEUES": "",
    "API_RATE_LIMIT": "",
    "SEND_PAIR_INTERVAL_SECONDS": "0",
    "BOT_MESSAGES_LIMIT": "0",
}


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Arm:
    """A failpoint to stop a process at, at its n-th time there; see `chatboost.core.work.failpoints`."""

    name: str
    hits: int = 1
    signal_number: signal.Signals = signal.SIGKILL


@dataclass(frozen=True, slots=True)
class Cut:
    """A power cut when a kind of work gets to a place; see `tests.rig_cuts`."""

    kind: str
    place: str


@dataclass
class Rig:
    """Processes of one installation, all on loopback."""

    folder: Path
    database_url: str
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    graph_port: int = field(default_factory=free_port)
    children: set[int] = field(default_factory=set)
    ended: dict[int, int] = field(default_factory=dict)
    web: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _parent: subprocess.Popen[str] | None = None
    _others: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where the web process answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ledger_path(self) -> Path:
        """Where the fake Graph writes what it accepted."""
        return self.folder / "ledger.jsonl"

    def env(self) -> dict[str, str]:
        """Return the environment of our processes."""
        return {
            **os.environ,
            **FAST,
            "DJANGO_SETTINGS_MODULE": "chatboost.settings.test",
            "CHATBOOST_ENV_FILE": "",
            "CHATBOOST_DATA_DIR": str(self.folder / "data"),
            "DATABASE_URL": self.database_url,
            "PORT": str(self.port),
            "WHATSAPP_APP_SECRET": APP_SECRET,
            "WHATSAPP_API_BASE_URL": f"http://127.0.0.1:{self.graph_port}",
            **self.environment,
        }

    # Processes

    def run(self, *arguments: str) -> str:
        """Run a module to its end and return what it printed."""
        command = [sys.executable, "-m", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.env(), capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stderr[-4000:]}")
        return done.stdout

    def task(self, name: str, *arguments: str) -> Any:
        """Run one of `tests.rig_tasks` in a child of the parent's and return its answer."""
        answer = self.folder / f"answer-{time.monotonic_ns()}.json"
        pid = self._fork({"run": "task", "name": name, "arguments": arguments, "answer": str(answer)})
        await_true(lambda: not self.is_alive(pid), 60, f"the task {name} did not end")
        if not answer.exists():
            raise RuntimeError(f"the task {name} failed:\n{self.log('parent')[-4000:]}")
        return json.loads(answer.read_text())

    def start_graph(self, *options: str) -> None:
        """Start the fake Graph in a process of its own, which nobody kills."""
        self.start(
            "graph",
            *("tests.fakes", "graph", "--port", str(self.graph_port), "--app-secret", APP_SECRET),
            *("--access-token", ACCESS_TOKEN, "--ledger", str(self.ledger_path)),
            *("--webhook", f"{self.url}/whatsapp/webhook"),
            *options,
        )

    def start_web(self, arm: Arm | None = None) -> int:
        """Fork the web process; `await_web` waits until it answers."""
        self.web = self._fork({"run": "web", "port": self.port, **_armed(arm)})
        return self.web

    def await_web(self) -> None:
        """Wait until the web process answers."""
        await_true(lambda: _answers(self.url + "/livez"), 30, "the web process did not answer")

    def start_worker(self, queues: Sequence[str] = QUEUES, arm: Arm | None = None, *, skew: float = 0) -> int:
        """Fork a pump, its clock `skew` seconds off; returns its process id."""
        return self._fork({"run": "pump", "queues": list(queues), "skew": skew, **_armed(arm)})

    def start_drain(
        self,
        queues: Sequence[str] = QUEUES,
        arm: Arm | None = None,
        *,
        kinds: Sequence[str] | None = None,
        cut: Cut | None = None,
    ) -> int:
        """Fork a worker of one thread that only drains, as a Celery worker's process does; of some kinds."""
        order = {"run": "drain", "queues": list(queues), "kinds": kinds}
        return self._fork({**order, **_armed(arm), **({"cut": [cut.kind, cut.place]} if cut else {})})

    def start(self, name: str, *arguments: str) -> int:
        """Start a module as a process of its own; its log is `{name}.log`."""
        with (self.folder / f"{name}.log").open("a") as log:
            command = [sys.executable, "-m", *arguments]
            process = subprocess.Popen(command, cwd=ROOT, env=self.env(), stdout=log, stderr=log, text=True)
        self._others[name] = process
        return process.pid

    def end(self, name: str, number: signal.Signals = signal.SIGTERM) -> None:
        """Have a process of `start` end, in order or at once; returns when it has."""
        self._others[name].send_signal(number)
        self._others[name].wait(60)

    def kill(self, pid: int) -> None:
        """End a forked process as a power cut would."""
        os.kill(pid, signal.SIGKILL)
        await_true(lambda: not self.is_alive(pid), 10, f"{pid} outlived SIGKILL")

    def ask_to_end(self, pid: int) -> None:
        """Have a forked process end in order; returns when it has."""
        os.kill(pid, signal.SIGTERM)
        await_true(lambda: not self.is_alive(pid), 40, f"{pid} did not end")

    def pause(self, pid: int) -> None:
        """Stop a process in its tracks, as a long garbage collection or a sleeping laptop would."""
        os.kill(pid, signal.SIGSTOP)

    def resume(self, pid: int) -> None:
        """Let a paused process go on."""
        os.kill(pid, signal.SIGCONT)

    def is_paused(self, pid: int) -> bool:
        """Tell whether a process is stopped."""
        return _state(pid) == "T"

    def is_alive(self, pid: int) -> bool:
        """Tell whether a forked process still runs; how those that ended did is in `ended`."""
        for ended, code in self._tell({"reap": True})["ended"]:
            self.children.discard(ended)
            self.ended[ended] = code
        return pid in self.children

    def stop(self) -> None:
        """End every process that this rig started."""
        for pid in list(self.children):
            if self.is_alive(pid):
                os.kill(pid, signal.SIGKILL)
        for process in [*self._others.values(), *([self._parent] if self._parent else [])]:
            process.kill()
            process.wait(10)

    # What happened

    def ledger(self) -> list[dict[str, Any]]:
        """Return what the fake Graph accepted, in order."""
        if not self.ledger_path.exists():
            return []
        return [json.loads(line) for line in self.ledger_path.read_text().splitlines()]

    def log(self, name: str) -> str:
        """Return what a process has logged; the forked ones are `parent`."""
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _fork(self, order: dict[str, Any]) -> int:
        pid = int(self._tell(order)["pid"])
        self.children.add(pid)
        return pid

    def _tell(self, order: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            return self._ask_parent(order)

    def _ask_parent(self, order: dict[str, Any]) -> dict[str, Any]:
        if self._parent is None:
            self._parent = self._start_parent()
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(json.dumps(order) + "\n")
        self._parent.stdin.flush()
        answer: dict[str, Any] = json.loads(self._parent.stdout.readline())
        return answer

    def _start_parent(self) -> subprocess.Popen[str]:
        with (self.folder / "parent.log").open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.rig_parent"],
                cwd=ROOT,
                env=self.env(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )


@contextmanager
def installation(folder: Path, database_url: str, **environment: str) -> Iterator[Rig]:
    """Prepare a database and stop everything at the end."""
    with own_database(database_url) as url:
        rig = Rig(folder, url, environment)
        rig.run("django", "migrate", "-v0")
        try:
            yield rig
        finally:
            rig.stop()


@contextmanager
def own_database(url: str) -> Iterator[str]:
    """Make a database of its own on a PostgreSQL server, so that proofs can run side by side."""
    if url.startswith("sqlite"):
        yield url
        return
    name = f"rig_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    try:
        yield f"{url.rsplit('/', 1)[0]}/{name}"
    finally:
        # A server that a proof has stopped takes its databases along.
        with suppress(psycopg.OperationalError), psycopg.connect(url, autocommit=True) as server:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def database_url(name: str, folder: Path) -> str:
    """Return the address of a proof's database: a file of its own, or the PostgreSQL of DATABASE_URL."""
    return os.environ["DATABASE_URL"] if name == "postgresql" else f"sqlite:///{folder / 'rig.sqlite3'}"


def databases() -> list[str]:
    """SQLite always; PostgreSQL where DATABASE_URL names one."""
    return ["sqlite", *(["postgresql"] if "postgres" in os.environ.get("DATABASE_URL", "") else [])]


def await_true(check: Callable[[], object], patience: float, complaint: str) -> None:
    """Wait until `check()` is true. Raises AssertionError after `patience` seconds."""
    ends = time.monotonic() + patience
    while not check():
        assert time.monotonic() < ends, complaint
        time.sleep(0.05)


def _armed(arm: Arm | None) -> dict[str, Any]:
    return {"arm": [arm.name, arm.hits, arm.signal_number.name]} if arm else {}


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # loopback only
            return bool(answer.status == 200)
    except OSError:
        return False
