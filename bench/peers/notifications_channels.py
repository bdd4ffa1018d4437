"""A peer of the notifications row: Django Channels as its tutorial has it, a group that everybody is in.

As an application it serves; as a module it tells the group each line that it reads.
"""

import asyncio
import os
import sys
from typing import Any

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="bench-peer",
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["channels"],
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            # As in ours: otherwise redis-py ends idle connections.
            "CONFIG": {"hosts": [{"address": os.environ["PEER_REDIS_URL"], "socket_timeout": None}]},
        }
    },
)
django.setup()

from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.layers import get_channel_layer  # noqa: E402

GROUP = "everybody"


class Everybody(AsyncWebsocketConsumer):
    """A socket that is sent what the group is told."""

    async def connect(self) -> None:
        """Join."""
        await self.channel_layer.group_add(GROUP, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        """Leave."""
        await self.channel_layer.group_discard(GROUP, self.channel_name)

    async def tell(self, event: dict[str, Any]) -> None:
        """Pass it on."""
        await self.send(text_data=event["text"])


application = Everybody.as_asgi()


async def tell_each_line() -> None:
    """Tell the group what is read, until nothing is."""
    layer, loop = get_channel_layer(), asyncio.get_running_loop()
    while line := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
        await layer.group_send(GROUP, {"type": "tell", "text": line})


if __name__ == "__main__":
    asyncio.run(tell_each_line())
