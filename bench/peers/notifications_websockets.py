"""The notifications row's floor: `websockets.broadcast` of each line of a second port; nothing is stored."""

import asyncio
import sys

from websockets.asyncio.server import ServerConnection, broadcast, serve

PORT, TRIGGER_PORT = int(sys.argv[1]), int(sys.argv[2])


async def stay(socket: ServerConnection) -> None:
    """Keep a client until it leaves."""
    await socket.wait_closed()


async def main() -> None:
    """Serve for ever."""
    async with serve(stay, "127.0.0.1", PORT, ping_interval=None) as server:

        async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                broadcast(server.connections, line.decode().strip())
            writer.close()

        async with await asyncio.start_server(pass_on, "127.0.0.1", TRIGGER_PORT) as trigger:
            await trigger.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
