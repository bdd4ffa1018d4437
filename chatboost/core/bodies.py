"""How much of a request's body is taken, asked before Django writes it down.

Django spools a body to disk before it looks at the route or who is asking: whoever can reach the server
could fill its temporary folder.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.conf import settings

from chatboost.core.api import problems

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

# What a form says beside its file.
FORM_BYTES = 1024 * 1024
_CREDENTIALS = frozenset((b"authorization", b"cookie"))


class TooLarge(Exception):
    """More came than may."""


class BodyLimit:
    """Answers 413 to what no route takes; passes everything else to the application behind it.

    Files come in forms, from somebody who has signed in. Nothing else is larger than a webhook.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, as far as it may go."""
        headers = dict(scope["headers"])
        limit = _limit(headers)
        announced = headers.get(b"content-length", b"")
        if announced.isdigit() and int(announced[:20]) > limit:
            await _refuse(send, limit)
            return
        try:
            await self._application(scope, _bounded(receive, limit), send)
        except TooLarge:
            await _refuse(send, limit)


def _limit(headers: Mapping[bytes, bytes]) -> int:
    is_form = headers.get(b"content-type", b"").lower().startswith(b"multipart/form-data")
    if is_form and not _CREDENTIALS.isdisjoint(headers):
        return settings.IMPORT_MAX_BYTES + FORM_BYTES
    return max(settings.WEBHOOK_MAX_BYTES, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


def _bounded(receive: Receive, limit: int) -> Receive:
    taken = 0

    async def bounded() -> Mapping[str, Any]:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise TooLarge
        return message

    return bounded


async def _refuse(send: Send, limit: int) -> None:
    detail = f"The body is larger than {limit // 2**20} MiB."
    document = problems.document(status=413, code="body_too_large", detail=detail)
    body = json.dumps(document).encode()
    headers = [
        (b"content-type", problems.CONTENT_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
        # The rest of the body is not read, so nothing can follow it.
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
