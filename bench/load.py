"""The load generator of the webhook row, as `python -m bench.load`: raw keep-alive sockets, one process.

Every connection sends its next delivery when the last one is answered. Deliveries are made and signed before
the clock starts; each carries a message id that was never used.
"""

import argparse
import asyncio
import json
import statistics
import time
from typing import Any

import uvloop

from bench.services import APP_SECRET
from tests.fakes import whatsapp_webhooks as bodies

WAMID = "wamid.HBgLMTU1NTAxMDAwMDAVAgASGBYzRUIwQzY5"
SENDER = "15551000000"
PEOPLE = 5000
PREPARED_PER_SECOND = 12_000


class Deliveries:
    """Makes signed requests, each a new message of one of `PEOPLE` senders."""

    def __init__(self, *, number: str, path: str, tag: str, expected: int) -> None:
        self._path, self._tag, self._made = path, tag, 0
        message = bodies.text_message(
            sender=SENDER, wamid=WAMID, text="Hello, is the shop open on Sunday?", timestamp=1_770_000_000
        )
        people = [bodies.contact(sender=SENDER, name="Ada Lovelace")]
        self._template = bodies.encode(bodies.delivery(number, contacts=people, messages=[message])).decode()
        self._ready = [self._make() for _ in range(expected)]

    def take(self) -> bytes:
        """Return the next request."""
        return self._ready.pop() if self._ready else self._make()

    def _make(self) -> bytes:
        self._made += 1
        sender = str(int(SENDER) + self._made % PEOPLE)
        body = self._template.replace(WAMID, f"{WAMID}{self._tag}{self._made:08d}").replace(SENDER, sender)
        raw = body.encode()
        head = (
            f"POST {self._path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"X-Hub-Signature-256: {bodies.sign(raw, APP_SECRET)}\r\nContent-Length: {len(raw)}\r\n\r\n"
        )
        return head.encode() + raw


class Run:
    """What all connections share: the deliveries, the clock, the answers."""

    def __init__(self, deliveries: Deliveries, ends: float, connections: int) -> None:
        self.deliveries, self.ends, self.open = deliveries, ends, connections
        self.latencies: list[float] = []
        self.statuses: dict[int, int] = {}
        self.late = 0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def answered(self, status: int, took: float, now: float) -> None:
        """Note an answer; one after the end is counted, but not as throughput."""
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if now > self.ends:
            self.late += 1
        else:
            self.latencies.append(took)

    def left(self) -> None:
        """Note that a connection has closed."""
        self.open -= 1
        if self.open == 0 and not self.over.done():
            self.over.set_result(None)


class Connection(asyncio.Protocol):
    """One vendor's connection: a request, its whole answer, the next request."""

    def __init__(self, run: Run) -> None:
        self._run, self._buffer, self._began = run, b"", 0.0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator or len(body) < _length(head):
            return
        now = time.perf_counter()
        self._run.answered(int(head[9:12]), now - self._began, now)
        self._buffer = b""
        if now < self._run.ends:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._run.left()

    def _send(self) -> None:
        self._began = time.perf_counter()
        self._transport.write(self._run.deliveries.take())


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    raise ValueError("an answer without Content-Length")


async def _load(options: argparse.Namespace, deliveries: Deliveries) -> dict[str, Any]:
    began = time.perf_counter()
    run = Run(deliveries, began + options.seconds, options.connections)
    loop = asyncio.get_running_loop()
    for _ in range(options.connections):
        await loop.create_connection(lambda: Connection(run), "127.0.0.1", options.port)
    await run.over
    centiles = statistics.quantiles(run.latencies, n=100) if len(run.latencies) > 1 else [0.0] * 99
    return {
        "rate": len(run.latencies) / options.seconds,
        "p50": centiles[49] * 1000,
        "p99": centiles[98] * 1000,
        "statuses": run.statuses,
    }


def main() -> None:
    """Load a server for some seconds and print what came back, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", default="/whatsapp/webhook")
    parser.add_argument("--number", required=True, help="the phone number id")
    parser.add_argument("--tag", required=True, help="makes the message ids this run's own")
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    expected = int(PREPARED_PER_SECOND * options.seconds)
    deliveries = Deliveries(number=options.number, path=options.path, tag=options.tag, expected=expected)
    uvloop.install()
    print(json.dumps(asyncio.run(_load(options, deliveries))))


if __name__ == "__main__":
    main()
