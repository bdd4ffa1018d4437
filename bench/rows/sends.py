"""Vendor sends: a loopback vendor answers after 50 ms, 64 at a time, pacing off."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from bench import services
from bench.harness import Contender, Figures, Line, Row, Target

OURS, OURS_ADAPTER = "ChatBoost, intents and outcomes stored", "ChatBoost, the adapter alone"
SESSION = "64 threads, requests.Session"
FLOOR = "raw asyncio sockets"
CONNECTIONS, DELAY_MS = 64, 50
QUEUED_PER_SECOND = 800
URL = "/v22.0/100000000000009/messages"
BODY = {"messaging_product": "whatsapp", "to": "15550001111", "type": "text", "text": {"body": "Hello"}}


def row() -> Row:
    """Declare the row."""
    job = "Vendor sends, 50 ms answer"
    return Row(
        "sends",
        (
            Line(
                job=job,
                metric="rate",
                unit="sends/s",
                ours=OURS,
                peers=(SESSION,),
                floor=FLOOR,
                targets=(Target("floor", 0.8),),
            ),
            Line(
                job=f"{job}, the adapter in 64 threads",
                metric="rate",
                unit="sends/s",
                ours=OURS_ADAPTER,
                peers=(SESSION,),
                floor=FLOOR,
                targets=(Target("floor", 0.8),),
            ),
        ),
        _contenders,
    )


@contextmanager
def _contenders() -> Iterator[Sequence[Contender]]:
    with ExitStack() as stack:
        url = stack.enter_context(services.database("bench_sends", is_product=True))
        port = services.free_port()
        vendor = services.python("-m", "bench.peers.vendor", str(port), str(DELAY_MS))
        stack.enter_context(services.process(*vendor, port=port))
        base = f"http://127.0.0.1:{port}"
        services.setup_django(
            url,
            WHATSAPP_API_BASE_URL=base,
            SEND_THREADS=str(CONNECTIONS),
            SEND_PAIR_INTERVAL_SECONDS="0",
        )
        from django.db import connection

        from bench.peers import sends

        channel = sends.seed()
        adapter = sends.provider(channel)
        yield [
            Contender(FLOOR, partial(_floor, port)),
            Contender(SESSION, partial(_threads, _session_sender, base)),
            Contender(OURS_ADAPTER, partial(_threads, lambda _: partial(sends.send_once, adapter), base)),
            Contender(OURS, partial(_drain, sends)),
        ]
        connection.close()


def _floor(port: int, seconds: float) -> Figures:
    command = services.python("-m", "bench.peers.send_floor", str(port), str(CONNECTIONS), str(seconds))
    return {"rate": float(services.run(command, os.environ))}


def _session_sender(base: str) -> Callable[[], None]:
    import requests

    session = requests.Session()
    session.headers["Authorization"] = "Bearer bench"
    return lambda: session.post(base + URL, json=BODY, timeout=10).raise_for_status()


def _threads(make: Callable[[str], Callable[[], None]], base: str, seconds: float) -> Figures:
    """Let 64 threads send for some seconds."""
    ends = time.perf_counter() + seconds
    done = [0] * CONNECTIONS
    errors: list[Exception] = []

    def work(place: int) -> None:
        try:
            send = make(base)
            while time.perf_counter() < ends:
                send()
                done[place] += 1
        except Exception as error:
            errors.append(error)

    began = time.perf_counter()
    threads = [threading.Thread(target=work, args=(place,)) for place in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return {"rate": sum(done) / (time.perf_counter() - began)}


def _drain(sends: Any, seconds: float) -> Figures:
    number = max(CONNECTIONS, int(QUEUED_PER_SECOND * seconds))
    before = sends.count_sent()
    sends.queue(number)
    began = time.perf_counter()
    sends.drain()
    took = time.perf_counter() - began
    if sends.count_sent() - before != number:
        raise RuntimeError(f"{sends.count_sent() - before} of {number} were sent")
    return {"rate": number / took}
