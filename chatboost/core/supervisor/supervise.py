"""Start processes in order, watch them, stop them in order."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType

from chatboost.core.stopping import StopFlag
from chatboost.core.supervisor.children import Child, ChildSpec, describe_exit
from chatboost.core.supervisor.console import Console, Filter, Show

# How often children are looked at and their new lines shown.
LOOK_EVERY = timedelta(milliseconds=100)
AGAIN_AFTER = timedelta(milliseconds=500)
READY_WITHIN = timedelta(seconds=30)
SAY_WHO_IS_LATE_AFTER = timedelta(seconds=3)
TAIL_LINES = 15


class ChildDied(Exception):
    """A child ended by itself."""

    def __init__(self, child: Child, code: int) -> None:
        super().__init__(f"{child.spec.name} ended by itself ({describe_exit(code)}).")
        self.child = child


class NotReady(Exception):
    """A child runs but doesn't answer."""


class Supervisor:
    """Runs children until it is asked to stop or one of them dies.

    The first request stops them in order: SIGTERM to the highest layer, wait, then the next one; a child
    that outlives its grace is killed with its group. The second request kills all groups at once.
    """

    def __init__(self, specs: Sequence[ChildSpec], *, log_dir: Path, cwd: Path, console: Console) -> None:
        self._specs = specs
        self._log_dir = log_dir
        self._cwd = cwd
        self._console = console
        self._children: list[Child] = []
        self._filters: dict[str, Filter] = {}
        self._first_request: float | None = None
        self._is_urgent = False
        self.stopping = StopFlag()

    def run(self, when_started: Callable[[], None] | None = None) -> int:
        """Run to the end and return the exit code: 0 when asked to stop, 1 when a child failed.

        `when_started` runs in a thread of its own once every child is started.
        """
        with self._signals():
            try:
                code = self._run_until_stopped(when_started)
                self.stopping.set()
                self._stop_all()
                return code
            finally:
                self._kill_all()

    def request_stop(self) -> None:
        """Ask for an orderly stop; the second time, for an immediate one. Safe in a signal handler."""
        now = time.monotonic()
        if self._first_request is None:
            self._first_request = now
        # One wish to stop may arrive twice: `make` hands on the signal that its whole group got.
        elif now - self._first_request > AGAIN_AFTER.total_seconds():
            self._is_urgent = True
        self.stopping.set()

    def _run_until_stopped(self, when_started: Callable[[], None] | None) -> int:
        try:
            self._start_all()
            if when_started is not None and not self.stopping.is_set():
                threading.Thread(target=when_started, name="when-started", daemon=True).start()
            while not self.stopping.wait(LOOK_EVERY.total_seconds()):
                self._look()
        except (ChildDied, NotReady) as error:
            self._explain(error)
            return 1
        return 0

    def _start_all(self) -> None:
        for spec in self._specs:
            if self.stopping.is_set():
                return
            if spec.before_start is not None:
                spec.before_start()
            child = Child(spec, self._log_dir, self._cwd)
            self._children.append(child)
            self._filters[spec.name] = Filter(spec.show)
            if spec.is_ready is not None:
                self._await_ready(child, spec.is_ready)

    def _await_ready(self, child: Child, is_ready: Callable[[], bool]) -> None:
        ends = time.monotonic() + READY_WITHIN.total_seconds()
        while not is_ready():
            self._look()
            if time.monotonic() > ends:
                raise NotReady(f"{child.spec.name} doesn't answer. Its log: {child.log.path}")
            if self.stopping.wait(LOOK_EVERY.total_seconds() / 2):
                return

    def _look(self) -> None:
        self._show_output()
        for child in self._children:
            code = child.exit_code()
            if code is not None:
                raise ChildDied(child, code)

    def _show_output(self) -> None:
        for child in self._children:
            lines = child.log.new_lines()
            self._console.show(child.spec.name, self._filters[child.spec.name].pick(lines))

    def _explain(self, error: ChildDied | NotReady) -> None:
        self._show_output()
        self._console.say(f"\n{error}")
        if isinstance(error, ChildDied) and error.child.spec.show is not Show.ALL:
            log = error.child.log
            self._console.say(f"The last lines of {log.path}:")
            self._console.show(error.child.spec.name, log.tail(TAIL_LINES))

    def _stop_all(self) -> None:
        self._console.say("\nStopping. Ctrl-C again ends everything at once.")
        for layer in sorted({child.spec.layer for child in self._children}, reverse=True):
            self._stop([child for child in self._children if child.spec.layer == layer])
        self._console.say("Stopped.")

    def _stop(self, children: list[Child]) -> None:
        for child in children:
            child.ask_to_stop()
        asked = time.monotonic()
        has_named_late = False
        while waiting := [child for child in children if child.exit_code() is None]:
            waited = timedelta(seconds=time.monotonic() - asked)
            for child in waiting:
                if self._is_urgent or waited > child.spec.grace:
                    self._console.say(f"Killing {child.spec.name}.")
                    child.kill()
            if waited > SAY_WHO_IS_LATE_AFTER and not has_named_late:
                has_named_late = True
                self._console.say(f"Waiting for {', '.join(child.spec.name for child in waiting)} to finish.")
            time.sleep(LOOK_EVERY.total_seconds() / 2)
        self._show_output()
        for child in children:
            child.sweep()

    def _kill_all(self) -> None:
        """Leave nothing behind, whatever went wrong before."""
        for child in self._children:
            if child.exit_code() is None:
                child.kill()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Turn the terminal's and the system's signals into requests. Only the main thread may."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in _stop_signals()}
        for number in before:
            signal.signal(number, self._on_signal)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.request_stop()


def _stop_signals() -> list[int]:
    numbers: list[int] = [signal.SIGINT, signal.SIGTERM]
    # nohup ignores SIGHUP on purpose, and Windows has none.
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    return numbers
