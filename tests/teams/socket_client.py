"""A WebSocket client for one ASGI application, in process (channels.testing needs daphne)."""

import json
from typing import Any

from asgiref.testing import ApplicationCommunicator

Header = tuple[bytes, bytes]

HOST: Header = (b"host", b"testserver")
ORIGIN: Header = (b"origin", b"http://testserver")


class SocketClient(ApplicationCommunicator):
    """Speaks the ASGI WebSocket events."""

    def __init__(
        self, application: Any, *, query: str, headers: list[Header], subprotocols: list[str]
    ) -> None:
        super().__init__(
            application,
            {
                "type": "websocket",
                "path": "/ws",
                "query_string": query.encode(),
                "headers": headers,
                "subprotocols": subprotocols,
            },
        )

    async def connect(self) -> dict[str, Any]:
        """Open the socket; returns the application's first answer."""
        await self.send_input({"type": "websocket.connect"})
        return dict(await self.receive_output(timeout=5))

    async def send_text(self, text: str) -> None:
        """Send a text frame."""
        await self.send_input({"type": "websocket.receive", "text": text})

    async def send_json(self, **frame: Any) -> None:
        """Send a frame."""
        await self.send_text(json.dumps(frame))

    async def receive_json(self, timeout: float = 5) -> dict[str, Any]:
        """Return the next frame; anything but a frame fails the test."""
        message = await self.receive_output(timeout=timeout)
        assert message["type"] == "websocket.send", message
        return dict(json.loads(message["text"]))

    async def disconnect(self) -> None:
        """Go away."""
        await self.send_input({"type": "websocket.disconnect", "code": 1001})
        await self.wait(timeout=5)


async def expect_refusal(socket: SocketClient, code: str, close: int) -> None:
    """Read the reason and the close of a socket that was refused."""
    assert await socket.receive_json() == {"type": "error", "code": code}
    assert await socket.receive_output(timeout=5) == {"type": "websocket.close", "code": close}


async def ready(socket: SocketClient) -> str:
    """Wait until the socket is let in; returns the organization's slug."""
    frame = await socket.receive_json()
    assert frame["type"] == "ready", frame
    return str(frame["organization"])


async def ask(socket: SocketClient, **frame: Any) -> dict[str, Any]:
    """Send a frame and return the answer."""
    await socket.send_json(**frame)
    return dict(await socket.receive_json())
