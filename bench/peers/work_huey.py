"""The work row's huey peer: a task an item, results off."""

import os

from huey import RedisHuey

huey = RedisHuey("peer", url=os.environ.get("PEER_REDIS_URL"), results=False)


@huey.task()
def item(number: int) -> None:
    """Handle one id."""
