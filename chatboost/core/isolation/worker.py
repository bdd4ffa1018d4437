"""A pool's child: takes calls from its standard input, until there are no more or its parent has gone."""

import importlib
import os
import resource
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

from chatboost.core.isolation import protocol
from chatboost.core.pictures import Limits, PictureError, contained

LOOK_SECONDS = 1.0
MOST_KEPT = 160 * 1024 * 1024


class Service(Protocol):
    """What a child runs: a module."""

    def warm_up(self) -> None:
        """Load what every call needs."""

    def serve(self, parts: list[bytes]) -> list[bytes]:
        """Answer a call."""


def main(name: str, *, parent: int) -> None:
    """Run the service of this name until standard input ends, or the process `parent` does."""
    channel = _take_channel()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    service = cast("Service", importlib.import_module(name))
    service.warm_up()
    baseline = _address_space()
    channel.send([])
    while True:
        try:
            parts, limits = protocol.read_request(channel.receive())
            channel.send(protocol.TAKEN)
        except protocol.Closed:
            return
        channel.send(protocol.answer(_serve(service, parts, limits, baseline)))
        del parts
        if _address_space() > baseline + MOST_KEPT:
            # What libraries keep after a large picture is missing for the next one. A new child has it all.
            return


def _take_channel() -> protocol.Channel:
    """Keep the pipes to ourselves: a library that prints must not talk to the parent."""
    source, sink = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    return protocol.Channel(source, sink, time.monotonic)


def _serve(
    service: Service, parts: list[bytes], limits: Limits, baseline: int
) -> Sequence[bytes] | PictureError:
    _limit(limits, baseline)
    try:
        with contained():
            return service.serve(parts)
    except PictureError as error:
        return error
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def _limit(limits: Limits, baseline: int) -> None:
    """Bound memory and processor time; the timer's signal ends this process, as RLIMIT_CPU's would."""
    if baseline:
        most = baseline + limits.memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
    signal.setitimer(signal.ITIMER_PROF, limits.cpu_seconds)


def _address_space() -> int:
    """Return what this process has mapped, in bytes; 0 where that can't be asked."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[0]
    except OSError:
        return 0
    return int(pages) * resource.getpagesize()


def _end_with(parent: int) -> None:
    """End this process when its parent has ended. Another process may hold the pipe's other end open."""
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os._exit(0)
