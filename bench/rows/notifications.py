"""One notification to a thousand sockets of a thousand people: from its commit until they have it."""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from bench import services
from bench.harness import Contender, Figures, Line, Row

OURS = "ChatBoost, a row each, then the socket"
CHANNELS = "Channels group_send"
FLOOR = "websockets.broadcast"
CLIENTS = 1000
LEAST_SHOTS = 3
_tags = count(1)


def row() -> Row:
    """Declare the row."""
    job = f"Notification to {CLIENTS:,} sockets of {CLIENTS:,} people, commit to arrival"
    return Row(
        "notifications",
        tuple(
            Line(
                job=f"{job}: {metric}",
                metric=metric,
                unit="ms, lower is better",
                ours=OURS,
                peers=(CHANNELS,),
                floor=FLOOR,
                is_lower_better=True,
            )
            for metric in ("p50", "p99")
        ),
        _contenders,
    )


@contextmanager
def _contenders() -> Iterator[Sequence[Contender]]:
    with ExitStack() as stack:
        yield [_floor(stack), _channels(stack), _ours(stack)]


def _ours(stack: ExitStack) -> Contender:
    url = stack.enter_context(services.database("bench_notifications", is_product=True))
    more = {"REDIS_URL": _redis(0), "DB_POOL": "1"}
    environment = services.product_environment(url, **more)
    seed = services.python("-m", "bench.peers.notifications_seed", str(CLIENTS))
    cookies = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "cookies.json"
    cookies.write_text(services.run(seed, environment))
    port = _serve(stack, "chatboost.asgi:application", environment)
    listener = _listen(stack, port, "--cookies", str(cookies))
    # This process writes what the other one delivers.
    services.setup_django(url, REDIS_URL=_redis(0))
    return Contender(OURS, partial(_measure, listener, _notifier()))


def _channels(stack: ExitStack) -> Contender:
    environment = {**os.environ, "PEER_REDIS_URL": _redis(5)}
    port = _serve(stack, "bench.peers.notifications_channels:application", environment)
    listener = _listen(stack, port)
    teller = _converse(stack, services.python("-m", "bench.peers.notifications_channels"), environment)
    return Contender(CHANNELS, partial(_measure, listener, teller.say))


def _floor(stack: ExitStack) -> Contender:
    port, trigger = services.free_port(), services.free_port()
    command = services.python("-m", "bench.peers.notifications_websockets", str(port), str(trigger))
    stack.enter_context(services.process(*command, port=trigger))
    listener = _listen(stack, port)
    line = stack.enter_context(socket.create_connection(("127.0.0.1", trigger)))
    return Contender(FLOOR, partial(_measure, listener, lambda text: line.sendall(f"{text}\n".encode())))


def _notifier() -> Callable[[str], None]:
    from teams.models import NotificationType, Organization
    from teams.notifications import notify

    organization = Organization.objects.get(slug="rig-people")
    told = partial(notify, organization=organization, type=NotificationType.SYSTEM)

    def tell(text: str) -> None:
        told(title=text, permission="teams.view_notification")

    return tell


def _serve(stack: ExitStack, application: str, environment: dict[str, str]) -> int:
    port = services.free_port()
    uvicorn = str(Path(sys.executable).parent / "uvicorn")
    options = ("--log-level", "warning", "--no-access-log", "--lifespan", "off", "--ws-ping-interval", "600")
    command = (uvicorn, "--port", str(port), *options, application)
    stack.enter_context(services.process(*command, environment=environment, port=port))
    return port


class Talk:
    """A process that answers lines."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def say(self, line: str) -> None:
        """Write a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def hear(self) -> str:
        """Read a line. Raises RuntimeError when the process has ended."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise RuntimeError(f"{self._process.args!r} has ended")
        return line


def _converse(stack: ExitStack, command: Sequence[str], environment: dict[str, str]) -> Talk:
    process = subprocess.Popen(
        command, cwd=services.ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    stack.callback(process.wait)
    stack.callback(process.kill)
    return Talk(process)


def _listen(stack: ExitStack, port: int, *options: str) -> Talk:
    command = ("-m", "bench.peers.notifications_listener", "--port", str(port), "--clients", str(CLIENTS))
    talk = _converse(stack, services.python(*command, *options), dict(os.environ))
    if talk.hear() != "open":
        raise RuntimeError("the clients could not connect")
    return talk


def _measure(listener: Talk, tell: Callable[[str], Any], seconds: float) -> Figures:
    """Tell everybody again and again; a notification that somebody does not get ends the row."""
    took: list[float] = []
    ends = time.perf_counter() + seconds
    shots = 0
    while shots < LEAST_SHOTS or time.perf_counter() < ends:
        tag = f"bench-tag-{next(_tags)}-"
        listener.say(tag)
        if listener.hear() != "listening":
            raise RuntimeError("the clients lost their place")
        tell(tag)
        committed = time.perf_counter()
        said = json.loads(listener.hear())
        if said["lost"]:
            raise RuntimeError(f"{said['lost']} clients were cut off")
        took += [max(0.0, moment - committed) for moment in said["moments"]]
        shots += 1
    centiles = statistics.quantiles(took, n=100)
    return {"p50": centiles[49] * 1000, "p99": centiles[98] * 1000}


def _redis(number: int) -> str:
    return urlunsplit(urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{number}"))
