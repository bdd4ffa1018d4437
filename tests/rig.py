"""The test rig: real processes on real databases and free ports, killed and judged.

Processes are forked from a parent that has loaded Django once (`tests.rig_parent`), so a killed worker is
back within milliseconds. Lease, sweep and back-off are short, so an hour's recovery fits into seconds.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
APP_SECRET = "rig-app-secret"
ACCESS_TOKEN = "rig-access-token"

FAST = {
    "WORK_LEASE_SECONDS": "2",
    "WORK_SWEEP_SECONDS": "0.2",
    "WORK_BACKOFF_BASE_SECONDS": "0.2",
    "WORK_POLL_SECONDS": "0.02",
    # Kills come a hundred times as often as in life: the same innocent item is hit again and again.
    "WORK_MAX_CRASHES": "12",
    "SEND_UNKNOWN_GRACE_SECONDS": "8",
    "VENDOR_DEADLINE_SECONDS": "1",
    "WORK_CELERY_QUEUES": "",
}


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Rig:
    """Processes of one installation, all on loopback."""

    folder: Path
    database_url: str
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    graph_port: int = field(default_factory=free_port)
    _parent: subprocess.Popen[str] | None = None
    _others: list[subprocess.Popen[str]] = field(default_factory=list)
    workers: dict[int, str] = field(default_factory=dict)

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

    def run(self, *arguments: str) -> str:
        """Run a module to its end and return what it printed."""
        command = [sys.executable, "-m", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.env(), capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stderr[-4000:]}")
        return done.stdout

    def start_graph(self, *options: str) -> None:
        """Start the fake Graph in a process of its own, which nobody kills."""
        self._spawn(
            *("tests.fakes", "graph", "--port", str(self.graph_port), "--app-secret", APP_SECRET),
            *("--access-token", ACCESS_TOKEN, "--ledger", str(self.ledger_path)),
            *("--webhook", f"{self.url}/whatsapp/webhook"),
            *options,
        )

    def start_web(self) -> None:
        """Start the web process and wait until it answers."""
        self._spawn(
            *("uvicorn", "chatboost.asgi:application", "--port", str(self.port)),
            *("--lifespan", "off", "--log-level", "warning"),
        )
        self.await_url("/livez")

    def start_worker(self) -> int:
        """Fork a pump from the loaded parent; returns its process id."""
        if self._parent is None:
            self._parent = subprocess.Popen(
                [sys.executable, "-m", "tests.rig_parent"],
                cwd=ROOT,
                env=self.env(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        pid = int(self._tell("pump"))
        self.workers[pid] = "running"
        return pid

    def kill(self, pid: int) -> None:
        """End a worker as a power cut would."""
        os.kill(pid, signal.SIGKILL)
        self.workers.pop(pid, None)

    def stop(self) -> None:
        """End every process that this rig started."""
        for pid in list(self.workers):
            self.kill(pid)
        for process in [*self._others, *([self._parent] if self._parent else [])]:
            process.kill()
            process.wait(10)

    def await_url(self, path: str, patience: float = 30) -> None:
        """Wait until a path answers."""
        self.await_true(lambda: _answers(self.url + path), patience, f"{path} did not answer")

    def await_true(self, check: Any, patience: float, complaint: str) -> None:
        """Wait until `check()` is true."""
        ends = time.monotonic() + patience
        while not check():
            if time.monotonic() > ends:
                raise AssertionError(complaint)
            time.sleep(0.05)

    def ledger(self) -> list[dict[str, Any]]:
        """Return what the fake Graph accepted, in order."""
        if not self.ledger_path.exists():
            return []
        return [json.loads(line) for line in self.ledger_path.read_text().splitlines()]

    def task(self, name: str) -> Any:
        """Run one of `tests.rig_tasks` and return its answer."""
        return json.loads(self.run("tests.rig_tasks", name).splitlines()[-1])

    def _tell(self, command: str) -> str:
        assert self._parent is not None
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(command + "\n")
        self._parent.stdin.flush()
        return self._parent.stdout.readline()

    def _spawn(self, *arguments: str) -> None:
        log = (self.folder / f"{arguments[0].split('.')[-1]}.log").open("a")
        command = [sys.executable, "-m", *arguments]
        self._others.append(
            subprocess.Popen(command, cwd=ROOT, env=self.env(), stdout=log, stderr=log, text=True)
        )


@contextmanager
def installation(folder: Path, database_url: str, **environment: str) -> Iterator[Rig]:
    """Prepare a database and stop everything at the end."""
    rig = Rig(folder, database_url, environment)
    rig.run("django", "migrate", "-v0")
    try:
        yield rig
    finally:
        rig.stop()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # loopback only
            return bool(answer.status == 200)
    except OSError:
        return False
