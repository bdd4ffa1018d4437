"""A pump inside the web process, for systems without a broker: it begins and ends with the server."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from chatboost.core.work.pump import Pump

# Seconds for what is under way at the end: a call to a vendor has a deadline of its own.
STOP_WITHIN = 20.0


class EmbeddedPump:
    """The `lifespan` of an ASGI application that pumps. Source: the ASGI specification, Lifespan 2.0."""

    def __init__(self, queues: Sequence[str]) -> None:
        self._pump = Pump(queues)

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        """Pump until the server says that it ends."""
        await receive()
        self._pump.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.to_thread(self._pump.stop, STOP_WITHIN)
        await send({"type": "lifespan.shutdown.complete"})
