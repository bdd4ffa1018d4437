"""Starting, watching and stopping processes, and what the terminal shows of them."""

import contextlib
import http.server
import io
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chatboost.core.stopping import StopFlag
from chatboost.core.supervisor import hooks, instance, plan, readiness, supervise, valkey
from chatboost.core.supervisor.children import ChildSpec
from chatboost.core.supervisor.console import Console, Filter, Show
from chatboost.core.supervisor.logs import LogFile
from chatboost.core.supervisor.supervise import Supervisor
from tests.core.processes import needs_linux, wait_until

ROOT = Path(__file__).resolve().parents[2]

# Says it is up, waits for SIGTERM, notes its end.
PATIENT = """
    import pathlib, signal, sys, time
    def end(*_):
        time.sleep({lingers}); open("ended", "a").write("{name}\\n"); sys.exit(0)
    signal.signal(signal.SIGTERM, end)
    pathlib.Path("{name}.up").touch()
    while True: signal.pause()
"""
# Ignores SIGTERM, as does its own child.
STUBBORN = """
    import os, pathlib, signal, subprocess, sys
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    other = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    pathlib.Path("pids").write_text(f"{os.getpid()} {other.pid}")
    pathlib.Path("stubborn.up").touch()
    signal.pause()
    while True: signal.pause()
"""


def python(name: str, code: str, **options: Any) -> ChildSpec:
    return ChildSpec(name=name, argv=[sys.executable, "-c", textwrap.dedent(code)], **options)


def patient(name: str, *, lingers: float = 0, **options: Any) -> ChildSpec:
    return python(name, PATIENT.format(name=name, lingers=lingers), **options)


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


class Run:
    """A supervisor in a folder of its own, and what it said."""

    def __init__(self, folder: Path, *specs: ChildSpec) -> None:
        self.folder = folder
        self.output = io.StringIO()
        self.names = [spec.name for spec in specs]
        self.supervisor = Supervisor(specs, log_dir=folder / "logs", cwd=folder, console=Console(self.output))

    def until_all_up(self, requests: int = 1) -> int:
        def ask() -> None:
            wait_until(lambda: all((self.folder / f"{name}.up").exists() for name in self.names))
            for _ in range(requests):
                self.supervisor.request_stop()

        return self.supervisor.run(when_started=ask)

    def to_the_end(self) -> int:
        return self.supervisor.run()

    @property
    def ended(self) -> list[str]:
        return (self.folder / "ended").read_text().split()


def test_stop_ends_higher_layer_before_the_one_that_serves_it(tmp_path: Path) -> None:
    run = Run(tmp_path, patient("server", layer=0), patient("web", lingers=0.2))
    assert (run.until_all_up(), run.ended) == (0, ["web", "server"])


def test_start_waits_until_the_one_before_is_ready(tmp_path: Path) -> None:
    seen: list[bool] = []
    ready = tmp_path / "server.up"
    server = patient("server", is_ready=ready.exists)
    web = patient("web", before_start=lambda: seen.append(ready.exists()))
    assert (Run(tmp_path, server, web).until_all_up(), seen) == (0, [True])


def test_child_that_never_gets_ready_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "READY_WITHIN", timedelta(milliseconds=200))
    run = Run(tmp_path, patient("server", is_ready=lambda: False), patient("web"))
    assert run.to_the_end() == 1
    assert "server doesn't answer" in run.output.getvalue()


def test_child_that_dies_stops_the_rest(tmp_path: Path) -> None:
    dies = """
        import pathlib, sys, time
        while not pathlib.Path("web.up").exists(): time.sleep(0.01)
        sys.exit(3)
    """
    run = Run(tmp_path, python("worker", dies), patient("web"))
    assert (run.to_the_end(), run.ended) == (1, ["web"])
    assert "worker ended by itself (exit code 3)" in run.output.getvalue()


def test_child_that_is_killed_is_named_with_its_signal(tmp_path: Path) -> None:
    run = Run(tmp_path, python("worker", "import os; os.kill(os.getpid(), 9)"))
    assert run.to_the_end() == 1
    assert "worker ended by itself (killed by SIGKILL)" in run.output.getvalue()


def test_child_that_dies_in_silence_has_its_last_words_shown(tmp_path: Path) -> None:
    run = Run(tmp_path, python("valkey", "print('out of luck'); raise SystemExit(1)", show=Show.NOTHING))
    run.to_the_end()
    assert "valkey  | out of luck" in run.output.getvalue()


def test_child_that_ignores_stop_is_killed_with_its_group(tmp_path: Path) -> None:
    run = Run(tmp_path, python("stubborn", STUBBORN, grace=timedelta(milliseconds=200)))
    assert run.until_all_up() == 0
    assert all(is_gone(int(pid)) for pid in (tmp_path / "pids").read_text().split())


def test_second_request_kills_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "AGAIN_AFTER", timedelta(seconds=-1))
    run = Run(tmp_path, python("stubborn", STUBBORN, grace=timedelta(hours=1)))
    assert run.until_all_up(requests=2) == 0
    assert all(is_gone(int(pid)) for pid in (tmp_path / "pids").read_text().split())


def test_request_that_arrives_twice_stops_in_order(tmp_path: Path) -> None:
    run = Run(tmp_path, patient("web", lingers=0.2))
    assert (run.until_all_up(requests=2), run.ended) == (0, ["web"])


def test_child_gets_its_environment_and_a_group_of_its_own(tmp_path: Path) -> None:
    code = "import os; print(os.environ['PORT'], os.getpgrp() == os.getsid(0) == os.getpid())"
    run = Run(tmp_path, python("web", code, env={"PORT": "8123"}, show=Show.ALL))
    run.to_the_end()
    assert "web     | 8123 True" in run.output.getvalue()


# A suite under nohup hands its deafness to SIGHUP on.
SUPERVISING = """
    import signal, sys
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    from pathlib import Path
    from chatboost.core.supervisor.children import ChildSpec
    from chatboost.core.supervisor.console import Console
    from chatboost.core.supervisor.supervise import Supervisor
    folder = Path(sys.argv[1])
    specs = [ChildSpec(name="patient", argv=[sys.executable, "-c", sys.argv[2]])]
    sys.exit(Supervisor(specs, log_dir=folder / "logs", cwd=folder, console=Console()).run())
"""


@contextlib.contextmanager
def supervising(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a supervisor of one patient child in a process and a group of its own."""
    child = textwrap.dedent(PATIENT.format(name="patient", lingers=0))
    command = [sys.executable, "-c", textwrap.dedent(SUPERVISING), str(folder), child]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until((folder / "patient.up").exists)
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name
)
def test_signal_to_the_terminals_group_stops_in_order(tmp_path: Path, number: signal.Signals) -> None:
    with supervising(tmp_path) as process:
        os.killpg(process.pid, number)
        assert process.wait(20) == 0
    assert (tmp_path / "ended").read_text() == "patient\n"


@needs_linux
def test_supervisor_killed_takes_its_children_along(tmp_path: Path) -> None:
    with supervising(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        wait_until((tmp_path / "ended").exists)
    assert (tmp_path / "ended").read_text() == "patient\n"


def test_log_lines_written_in_pieces_are_whole(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "web.log")
    with log.open_for_child() as file:
        file.write(b"one\ntw")
        file.flush()
        first = log.new_lines()
        file.write(b"o\r\n\xff\n")
        file.flush()
        assert (first, log.new_lines()) == (["one"], ["two", "\ufffd"])


def test_log_of_an_earlier_run_is_kept_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "web.log"
    path.write_text("earlier\n")
    log = LogFile(path)
    with log.open_for_child() as file:
        file.write(b"now\n")
    assert (log.new_lines(), log.tail(5)) == (["now"], ["earlier", "now"])


def test_log_past_its_size_goes_on_in_an_empty_file(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "web.log", max_bytes=8)
    with log.open_for_child() as file:
        file.write(b"long line\n")
        file.flush()
        assert log.new_lines() == ["long line"]
        file.write(b"next\n")
        file.flush()
        assert log.new_lines() == ["next"]
    assert (tmp_path / "web.log.1").read_text() == "long line\n"
    assert log.path.read_text() == "next\n"


def test_filter_of_alerts_shows_warnings_and_whole_tracebacks() -> None:
    quiet = ["[2030-01-01 00:00:00: INFO/MainProcess] Task done", "celery@host ready.", '{"level": "info"}']
    loud = [
        "[2030-01-01 00:00:00: WARNING/MainProcess] late",
        "2030-01-01T00:00:00Z [error    ] pump_failed",
        '{"event": "x", "level": "critical"}',
        "Traceback (most recent call last):",
        '  File "x.py", line 1',
        "ValueError: no",
    ]
    assert list(Filter(Show.ALERTS).pick([*quiet, *loud, *quiet])) == loud


def test_filter_by_policy_shows_all_or_nothing() -> None:
    lines = ["INFO fine", "ERROR not fine"]
    assert (list(Filter(Show.ALL).pick(lines)), list(Filter(Show.NOTHING).pick(lines))) == (lines, [])


def test_console_whose_terminal_is_gone_stays_silent(tmp_path: Path) -> None:
    stream = (tmp_path / "terminal").open("w")
    stream.close()
    Console(stream).say("nobody hears this")


def test_instance_in_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    with (
        instance.only(tmp_path),
        pytest.raises(instance.AlreadyRunning, match=str(os.getpid())),
        instance.only(tmp_path),
    ):
        pass


def test_instance_after_the_other_one_ended_is_let_in(tmp_path: Path) -> None:
    with instance.only(tmp_path):
        pass
    with instance.only(tmp_path):
        assert (tmp_path / "up.pid").read_text() == f"{os.getpid()}\n"


@pytest.fixture
def listener() -> Iterator[int]:
    """A loopback port that is taken."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_port_that_is_taken_is_refused(listener: int) -> None:
    with pytest.raises(readiness.PortTaken, match=str(listener)):
        readiness.ensure_port_is_free("127.0.0.1", listener)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
        ("console.example", "http://console.example:8000"),
    ],
)
def test_local_url_of_a_bind_address_opens_on_this_machine(host: str, url: str) -> None:
    assert readiness.local_url(host, 8000) == url


class Livez(http.server.BaseHTTPRequestHandler):
    """Answers 503 once, then 200."""

    answers = iter(())

    def do_GET(self) -> None:
        self.send_response(next(self.answers) if self.path == "/livez" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def web() -> Iterator[str]:
    handler = type("Answers", (Livez,), {"answers": iter([503, 200])})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_announce_when_web_answers_runs_every_callback(
    web: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(info: hooks.ReadyInfo) -> None:
        raise ValueError("no demo")

    def sign_in(info: hooks.ReadyInfo) -> None:
        info.say(f"Sign in at {info.url}/admin/")

    monkeypatch.setattr(hooks, "on_ready", [broken, sign_in])
    output = io.StringIO()
    readiness.announce(url=web, data_dir=tmp_path, console=Console(output), stopping=StopFlag())
    said = output.getvalue()
    assert f"ChatBoost runs at  {web}/\n" in said
    assert said.endswith(f"broken failed: ValueError: no demo\nSign in at {web}/admin/\n")


def test_announce_when_stopped_before_web_answers_says_nothing(tmp_path: Path) -> None:
    output = io.StringIO()
    stopping = StopFlag()
    stopping.set()
    readiness.announce(
        url="http://127.0.0.1:9", data_dir=tmp_path, console=Console(output), stopping=stopping
    )
    assert output.getvalue() == ""


def test_plan_with_external_broker_starts_no_server() -> None:
    specs = plan.with_external_broker(host="127.0.0.1", port=8000)
    assert [spec.name for spec in specs] == ["web", "worker", "beat", "pump"]


def test_plan_with_embedded_broker_starts_it_first_and_stops_it_last(tmp_path: Path) -> None:
    server = valkey.Server(folder=tmp_path, socket=None, port=6399, password="secret")
    first, *rest = plan.with_embedded_broker(
        host="127.0.0.1", port=8000, server=server, binary=Path("valkey")
    )
    assert (first.name, first.layer) == ("valkey", 0)
    assert {spec.layer for spec in rest} == {1}
    assert {spec.env["CHATBOOST_VALKEY_URL"] for spec in rest} == {"redis://:secret@127.0.0.1:6399"}


def test_plan_without_broker_is_web_with_the_pump_inside() -> None:
    (web,) = plan.without_broker(host="127.0.0.1", port=8000)
    assert (web.name, web.env["CHATBOOST_EMBEDDED_PUMP"]) == ("web", "1")
