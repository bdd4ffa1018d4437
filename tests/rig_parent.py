"""The rig's parent of processes: loads the product once, then forks one for each line of JSON it reads.

{"run": "pump", "queues": [...], "arm": [name, hits, signal]}   → {"pid": 7}
{"run": "drain", "queues": [...], "kinds": [...], "arm": [...], "cut": [kind, place]}   → {"pid": 7}
{"run": "web", "port": 8000, "arm": [...]}                      → {"pid": 7}
{"reap": true}              → {"ended": [[7, -9]]}, exit codes as subprocess has them
"""

import json
import os
import signal
import sys
import traceback
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import django
from django.core.management import call_command
from django.utils import timezone


def main() -> None:
    """Serve until the input ends; the children end with it."""
    django.setup()
    _prepare()
    for line in sys.stdin:
        order = json.loads(line)
        answer = {"ended": _reap()} if order.get("reap") else {"pid": _fork(order)}
        print(json.dumps(answer), flush=True)


def _prepare() -> None:
    from tests import rig_kinds  # noqa: F401 registers them


def _reap() -> list[tuple[int, int]]:
    ended: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if not pid:
            return ended
        ended.append((pid, os.waitstatus_to_exitcode(status)))


def _fork(order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        _child(order)
    return pid


def _child(order: dict[str, Any]) -> NoReturn:
    # Nobody's terminal: its parent's pipes are not its own, what it says goes into the log.
    quiet = os.open(os.devnull, os.O_RDWR)
    os.dup2(quiet, 0)
    os.dup2(2, 1)
    code = 1
    try:
        if order.get("skew"):
            _skew(order["skew"])
        if order.get("arm"):
            _arm(*order["arm"])
        if order.get("cut"):
            _cut(*order["cut"])
        _run(order)
        code = 0
    except Exception:  # nobody above would print it
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _skew(seconds: float) -> None:
    """Set this process's clock wrong."""
    right = timezone.now
    timezone.now = lambda: right() + timedelta(seconds=seconds)


def _arm(name: str, hits: int, signal_name: str) -> None:
    from chatboost.core.work import failpoints

    failpoints.arm(name, hits=hits, signal_number=signal.Signals[signal_name])


def _cut(kind: str, place: str) -> None:
    from tests import rig_cuts

    rig_cuts.arm(kind, place)


def _run(order: dict[str, Any]) -> None:
    match order["run"]:
        case "pump":
            call_command("pump", *order["queues"])
        case "drain":
            _drain(order["queues"], order.get("kinds"))
        case "task":
            from tests.rig_tasks import TASKS

            Path(order["answer"]).write_text(json.dumps(TASKS[order["name"]](*order["arguments"])))
        case "web":
            import uvicorn

            application = "chatboost.asgi:application"
            uvicorn.run(application, port=order["port"], lifespan="auto", log_level="warning")


def _drain(queues: list[str], names: list[str] | None) -> None:
    from chatboost.core.stopping import StopFlag
    from chatboost.core.work.drain import drain

    is_over = StopFlag()
    signal.signal(signal.SIGTERM, lambda *_: is_over.set())
    while not is_over.is_set():
        if not sum(drain(queue, names=names) for queue in queues):
            is_over.wait(0.02)


if __name__ == "__main__":
    main()
