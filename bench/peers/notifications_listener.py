"""A thousand clients of the notifications row in one process: `python -m bench.peers.notifications_listener`.

Raw sockets that look for a tag in what arrives, so that they cost next to nothing. Reads tags line by line,
and answers each with the moments (of the machine's monotonic clock) at which each client had it, as JSON.
"""

import argparse
import asyncio
import json
import sys
import time
from functools import partial
from pathlib import Path

import uvloop

OPENED_AT_ONCE = 50
RESUME = b'{"type":"resume","cursor":0}'


class Client(asyncio.Protocol):
    """One client: it shakes hands, perhaps resumes, and then looks for the tag."""

    def __init__(self, listener: "Listener", cookie: str) -> None:
        self._listener, self._cookie, self._buffer = listener, cookie, b""
        self.is_open: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        port = self._listener.port
        cookie = f"Cookie: sessionid={self._cookie}\r\n" if self._cookie else ""
        head = (
            f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{cookie}\r\n"
        )
        transport.write(head.encode())  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        if self.is_open.done():
            if self._listener.tag in data:
                self._listener.arrived()
            return
        self._buffer += data
        if self._listener.opens_with in self._buffer:
            if self._cookie:
                # A text frame whose mask is zero.
                self._transport.write(bytes((0x81, 0x80 | len(RESUME), 0, 0, 0, 0)) + RESUME)  # type: ignore[attr-defined]
            self.is_open.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.is_open.done():
            self.is_open.set_exception(ConnectionError(self._buffer[:300].decode(errors="replace")))
        self._listener.lost += 1


class Listener:
    """All clients, and what they have seen."""

    def __init__(self, port: int, opens_with: bytes) -> None:
        self.port, self.opens_with = port, opens_with
        self.tag = b"\0"
        self.moments: list[float] = []
        self.lost = 0
        self.changed = asyncio.Event()

    def arrived(self) -> None:
        """Note that a client has its text."""
        self.moments.append(time.perf_counter())
        self.changed.set()

    async def open(self, cookies: list[str]) -> None:
        """Connect everybody."""
        loop = asyncio.get_running_loop()
        for start in range(0, len(cookies), OPENED_AT_ONCE):
            made = [Client(self, cookie) for cookie in cookies[start : start + OPENED_AT_ONCE]]
            for client in made:
                await loop.create_connection(partial(_itself, client), "127.0.0.1", self.port)
            await asyncio.gather(*(client.is_open for client in made))

    async def listen(self, tag: str, count: int) -> list[float]:
        """Return the moments at which all have had the tag."""
        self.moments, self.tag = [], tag.encode()
        print("listening", flush=True)
        while len(self.moments) < count:
            self.changed.clear()
            async with asyncio.timeout(60):
                await self.changed.wait()
        return self.moments


def _itself(client: Client) -> Client:
    return client


async def main(options: argparse.Namespace) -> None:
    """Connect, then answer line by line."""
    given = json.loads(options.cookies.read_text()) if options.cookies else [""] * options.clients
    cookies = given[: options.clients]
    listener = Listener(options.port, b'"ready"' if options.cookies else b"\r\n\r\n")
    await listener.open(cookies)
    print("open", flush=True)
    loop = asyncio.get_running_loop()
    while tag := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
        moments = await listener.listen(tag, len(cookies))
        print(json.dumps({"moments": moments, "lost": listener.lost}), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--clients", type=int, required=True)
    parser.add_argument("--cookies", type=Path)
    uvloop.install()
    asyncio.run(main(parser.parse_args()))
