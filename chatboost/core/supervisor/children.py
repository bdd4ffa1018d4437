"""One process of ours: how it is started, watched and ended together with whatever it started itself."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from chatboost.core.supervisor import leash
from chatboost.core.supervisor.console import Show
from chatboost.core.supervisor.logs import LogFile


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """A process to run. `env` is added to our own environment."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    show: Show = Show.ALERTS
    # Children of a lower layer serve the others: they are stopped when those are gone.
    layer: int = 1
    # From SIGTERM to SIGKILL.
    grace: timedelta = timedelta(seconds=30)
    before_start: Callable[[], None] | None = None
    # The next child waits until this says yes.
    is_ready: Callable[[], bool] | None = None


class Child:
    """A running process at the head of its own process group, away from the terminal's Ctrl-C."""

    def __init__(self, spec: ChildSpec, log_dir: Path, cwd: Path) -> None:
        self.spec = spec
        self.log = LogFile(log_dir / f"{spec.name}.log")
        with self.log.open_for_child() as output:
            # Environment: read only to be handed on.
            self._process = subprocess.Popen(  # noqa: S603
                [*_leash(), *spec.argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **spec.env},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Return the process id, which is also the group's."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """Return None while it runs; negative: the signal that ended it."""
        return self._process.poll()

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the head of the group: it knows how to stop its own children."""
        self._process.terminate()

    def kill(self) -> None:
        """End the whole group at once."""
        if sys.platform == "win32":
            self._process.kill()
        else:
            self.sweep()
        self._process.wait()

    def sweep(self) -> None:
        """End what is left of the group."""
        if sys.platform == "win32":
            return
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            # Nobody is left; macOS says EPERM when only zombies are.
            return


def describe_exit(code: int) -> str:
    """Say how a process ended: its exit code or the signal's name."""
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


def _leash() -> list[str]:
    if sys.platform != "linux":
        return []
    return [sys.executable, "-I", "-S", str(Path(leash.__file__)), str(os.getpid())]
