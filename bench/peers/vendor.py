"""A vendor that accepts every message after some milliseconds: `python -m bench.peers.vendor PORT MS`."""

import asyncio
import json
import sys
from itertools import count
from typing import Any

_ids = count(1)


class Vendor(asyncio.Protocol):
    """One kept connection; answers each request when its time has come."""

    def __init__(self, delay: float) -> None:
        self._delay, self._buffer = delay, b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            head, separator, rest = self._buffer.partition(b"\r\n\r\n")
            length = _length(head) if separator else 0
            if not separator or len(rest) < length:
                return
            self._buffer = rest[length:]
            asyncio.get_running_loop().call_later(self._delay, self._answer)

    def _answer(self) -> None:
        body = json.dumps(
            {
                "messaging_product": "whatsapp",
                "contacts": [{"input": "15550001111", "wa_id": "15550001111"}],
                "messages": [{"id": f"wamid.bench{next(_ids)}"}],
            }
        ).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0


async def serve(port: int, delay: float) -> None:
    """Serve until the process is ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Vendor(delay), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.install()
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]) / 1000))
