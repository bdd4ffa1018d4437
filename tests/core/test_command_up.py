"""`manage.py up` with every real process: it starts, answers, and leaves nothing behind."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.processes import needs_linux, needs_valkey, wait_until

ROOT = Path(__file__).resolve().parents[2]


def descendants(data_dir: Path) -> list[int]:
    """Return every process that was started for the data folder."""
    mark = f"CHATBOOST_DATA_DIR={data_dir}".encode()
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in environment.read_bytes().split(b"\0"):
                found.append(int(environment.parent.name))
        except OSError:
            continue
    return found


class Up:
    """`manage.py up` in a data folder of its own, started and answering."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.output = data_dir / "up.out"
        self._environment = {
            **os.environ,
            "CHATBOOST_DATA_DIR": str(data_dir),
            "CHATBOOST_ENV_FILE": "",
            "DJANGO_SETTINGS_MODULE": "chatboost.settings.dev",
        }
        self._manage("migrate", "--verbosity", "0")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--port", str(self.port)],
                cwd=ROOT,
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(self._is_ready, seconds=120)

    def manage_again(self) -> str:
        """Start a second `up` for the same folder and return its complaint."""
        return self._manage("up", "--port", "0", check=False).stderr

    def end(self) -> None:
        """Leave nothing behind, whatever the test did."""
        for pid in [self.process.pid, *descendants(self.data_dir)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.output.read_text()
        return f"ChatBoost runs at  http://127.0.0.1:{self.port}/" in self.output.read_text()

    def _manage(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(
            command, cwd=ROOT, env=self._environment, check=check, capture_output=True, text=True
        )


@pytest.fixture
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    running = Up(tmp_path_factory.mktemp("up"))
    yield running
    running.end()


@pytest.mark.proof
@needs_linux
@needs_valkey
def test_up_after_ctrl_c_ends_with_everything_it_started(up: Up) -> None:
    os.killpg(up.process.pid, signal.SIGINT)
    assert (up.process.wait(60), descendants(up.data_dir)) == (0, [])


@pytest.mark.proof
@needs_linux
@needs_valkey
def test_up_killed_leaves_nothing_behind_and_starts_again(up: Up) -> None:
    assert "already running" in up.manage_again()
    up.process.kill()
    up.process.wait()
    wait_until(lambda: descendants(up.data_dir) == [], seconds=60)
    again = Up(up.data_dir)
    again.end()
