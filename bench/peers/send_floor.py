"""The sends row's floor: raw sockets in an event loop. Arguments: port, connections, seconds."""

import asyncio
import sys
import time
from typing import Any

import uvloop

BODY = b'{"messaging_product":"whatsapp","to":"15550001111","type":"text","text":{"body":"Hello"}}'
REQUEST = (
    b"POST /v22.0/100000000000009/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer bench\r\n"
    b"Content-Type: application/json\r\nContent-Length: " + str(len(BODY)).encode() + b"\r\n\r\n" + BODY
)


class Sender(asyncio.Protocol):
    """Sends the same message again and again over one connection."""

    done = 0

    def connection_made(self, transport: Any) -> None:
        self._transport, self._buffer = transport, b""
        transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._buffer.endswith(b"}"):
            self._buffer = b""
            Sender.done += 1
            self._transport.write(REQUEST)


async def main(port: int, connections: int, seconds: float) -> None:
    """Send for some seconds, print sends a second."""
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    for _ in range(connections):
        await loop.create_connection(Sender, "127.0.0.1", port)
    await asyncio.sleep(seconds)
    print(Sender.done / (time.perf_counter() - began))


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
