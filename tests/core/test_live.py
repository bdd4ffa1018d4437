"""Hints reach the listeners of this process and those of others, and nobody twice."""

import asyncio
import os
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer
from channels_redis.core import RedisChannelLayer

from chatboost.core import live


class Elsewhere(InMemoryChannelLayer):
    """Stands for a layer that other processes share; messages are heard as if one of them had sent them."""

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        await super().group_send(group, message | {"origin": "another process"})


async def heard_by(layer: Any, channel: str) -> Any:
    return live.heard(await asyncio.wait_for(layer.receive(channel), timeout=10))


async def test_send_reaches_a_listener_of_this_process_without_a_layer() -> None:
    heard: list[Any] = []
    stop = live.listen(heard.append)
    try:
        await live.send({"job:7": 3})
    finally:
        stop()
    await live.send({"job:8": 4})

    assert heard == [{"job:7": 3}]


async def test_listener_whose_loop_has_ended_keeps_nobody_else_from_hearing() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    heard: list[Any] = []

    def ended(topics: Any) -> None:
        loop.call_soon_threadsafe(heard.append, topics)

    stops = [live.listen(ended), live.listen(heard.append)]
    try:
        await live.send({"job:7": 3})
    finally:
        for stop in stops:
            stop()

    assert heard == [{"job:7": 3}]


async def test_own_message_is_not_heard_again() -> None:
    layer = InMemoryChannelLayer()
    channel = await layer.new_channel()
    await live.join(layer, channel)

    await live.send_by(layer, {"job:7": 3})

    assert await heard_by(layer, channel) == {}


async def test_many_topics_go_in_several_messages() -> None:
    layer = Elsewhere()
    channel = await layer.new_channel()
    await live.join(layer, channel)
    topics = {f"job:{number}": number for number in range(live.MAX_TOPICS_PER_MESSAGE + 1)}

    await live.send_by(layer, topics)

    first, second = await heard_by(layer, channel), await heard_by(layer, channel)
    assert len(second) == 1
    assert {**first, **second} == topics


@pytest.mark.services
async def test_join_of_redis_tells_whether_it_had_forgotten() -> None:
    layer = RedisChannelLayer(hosts=[os.environ["REDIS_URL"]], prefix="test-live")
    channel = await layer.new_channel()

    answers = [await live.join(layer, channel), await live.join(layer, channel)]
    await layer.connection(0).delete(f"{layer.prefix}:group:{live.GROUP}")
    answers.append(await live.join(layer, channel))

    await layer.group_discard(live.GROUP, channel)
    await layer.close_pools()
    assert answers == [False, True, False]
