"""Requests to the fast door as a vendor makes them, several at a moment."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from chatboost.core.models import WorkItem
from chatboost.messaging.models import Channel, WebhookReceipt
from chatboost.messaging.webhooks.door import Door
from tests.fakes import whatsapp_webhooks as bodies
from tests.messaging.forgeries import SECRET
from tests.messaging.pipeline import text

PATH = "/whatsapp/webhook"


@dataclass
class Answer:
    """What the door sent back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""

    def json(self) -> Any:
        return json.loads(self.content)


@dataclass(frozen=True)
class Post:
    """A request; `chunks` are how its body arrives, None where the vendor hangs up."""

    chunks: Sequence[bytes | None]
    signature: str | None = None
    path: str = PATH
    method: str = "POST"
    headers: Sequence[tuple[bytes, bytes]] = ()
    on_answer: Callable[[], None] | None = None


def signed(raw: bytes, *, secret: str = SECRET, **fields: Any) -> Post:
    return Post([raw], bodies.sign(raw, secret), **fields)


async def behind(scope: Any, receive: Any, send: Any) -> None:
    """What stands behind the door in these tests."""
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": b"behind"})


def knock(door: Door, *posts: Post) -> list[Answer]:
    """Send requests at the same moment."""

    async def all_of_them() -> list[Answer]:
        return list(await asyncio.gather(*(_knock(door, post) for post in posts)))

    return asyncio.run(all_of_them())


async def _knock(door: Door, post: Post) -> Answer:
    answer, waiting = Answer(), list(post.chunks)
    headers = [(b"content-type", b"application/json"), *post.headers]
    if post.signature is not None:
        headers.append((b"x-hub-signature-256", post.signature.encode("latin-1")))

    async def receive() -> dict[str, Any]:
        chunk = waiting.pop(0)
        if chunk is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunk, "more_body": bool(waiting)}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            if post.on_answer is not None:
                await asyncio.to_thread(post.on_answer)
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            answer.content += message["body"]

    scope = {"type": "http", "method": post.method, "path": post.path, "headers": headers}
    await asyncio.wait_for(door(scope, receive, send), 30)
    return answer


def body_of(channel: Channel, words: str = "Hello 👋 çedilla", *ids: str) -> bytes:
    messages = [text(words, id=id_) for id_ in ids or ["wamid.A"]]
    return bodies.encode(bodies.delivery(channel.external_id, messages=messages))


def stored() -> tuple[int, int]:
    return WebhookReceipt.objects.count(), WorkItem.objects.count()
