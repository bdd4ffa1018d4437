"""The fast door for WhatsApp's deliveries: plain ASGI in front of Django, with a group commit behind it.

It takes what `views.whatsapp_webhook` takes and answers the same; it only spares a POST the middleware, the
thread it would need and a commit of its own. Everything else goes on to Django.
"""

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings

from chatboost.core.api import problems
from chatboost.core.db import outage
from chatboost.core.errors import DomainError
from chatboost.messaging.webhooks.committer import Committer, Overloaded
from chatboost.messaging.webhooks.whatsapp import Accepted, BodyTooLarge

logger = structlog.get_logger(__name__)

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

RETRY_AFTER: Final = b"5"
# What the bodies that are read, or wait for their commit, may take of a process's memory.
MAX_HELD_BYTES: Final = 128 * 1024 * 1024
# A vendor sends a delivery at once.
BODY_SECONDS: Final = 10.0
_PATH = re.compile(r"/whatsapp/webhook(?:/?|/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/?)")
_REQUEST_ID = re.compile(r"[ -~]{1,200}")
_JSON, _PROBLEM = b"application/json", problems.CONTENT_TYPE.encode()


class BodyTooSlow(DomainError):
    """The body did not come in time."""

    status = 408
    default_code = "body_too_slow"


class VendorLeft(Exception):
    """The connection closed before the body was complete: nobody is left to answer."""


class Door:
    """Takes deliveries; passes everything else to the application behind it."""

    def __init__(self, application: Application, committer: Committer) -> None:
        self._application = application
        self._committer = committer
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        found = _PATH.fullmatch(scope["path"]) if scope.get("method") == "POST" else None
        if found is None:
            await self._application(scope, receive, send)
            return
        headers = _headers(scope)
        request_id = _request_id(headers)
        try:
            answer = await self._answer(found.group(1), headers, receive)
        except VendorLeft:
            return
        except Exception as error:
            # Bound here and not around it all: to bind costs as much as to verify.
            with structlog.contextvars.bound_contextvars(request_id=request_id):
                answer = _refusal(error)
        await _send(send, request_id, *answer)

    async def _answer(
        self, channel: str | None, headers: Mapping[bytes, bytes], receive: Receive
    ) -> tuple[int, bytes, bytes]:
        """Return status, content type and body. Raises: VendorLeft, and whatever `Committer.accept` does."""
        accepted = await self._accept(channel, headers, receive)
        told = {"status": "ok", "parts": accepted.parts, "new": accepted.new}
        return 200, _JSON, json.dumps(told).encode()

    async def _accept(
        self, channel: str | None, headers: Mapping[bytes, bytes], receive: Receive
    ) -> Accepted:
        """Read the body and have it committed, with its memory counted as long as that takes."""
        chunks: list[bytes] = []
        given = headers.get(b"x-hub-signature-256")
        try:
            await self._read(receive, headers, chunks)
            return await self._committer.accept(
                b"".join(chunks),
                given.decode("latin-1") if given is not None else None,
                channel_uuid=UUID(channel) if channel else None,
            )
        finally:
            self._held -= sum(map(len, chunks))

    async def _read(self, receive: Receive, headers: Mapping[bytes, bytes], chunks: list[bytes]) -> None:
        """Fill `chunks` with the body. Raises: BodyTooLarge, BodyTooSlow, Overloaded, VendorLeft."""
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for chunk in _body(receive, headers):
                    chunks.append(chunk)
                    self._held += len(chunk)
                    if self._held > MAX_HELD_BYTES:
                        raise Overloaded
        except TimeoutError:
            raise BodyTooSlow("The body did not come in time.") from None


def _headers(scope: Scope) -> dict[bytes, bytes]:
    """Join headers that came twice by a comma, as Django does."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        headers[name] = headers[name] + b"," + value if name in headers else value
    return headers


def _request_id(headers: Mapping[bytes, bytes]) -> str:
    given = headers.get(b"x-request-id", b"").decode("latin-1")
    return given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())


async def _body(receive: Receive, headers: Mapping[bytes, bytes]) -> AsyncIterator[bytes]:
    """Read the body piece by piece, as far as it may go. Raises: BodyTooLarge, VendorLeft."""
    limit = settings.WEBHOOK_MAX_BYTES
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced[:20]) > limit:
        raise BodyTooLarge("A delivery has at most 3 MiB.")
    length, is_open = 0, True
    while is_open:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise VendorLeft
        chunk = message.get("body", b"")
        length += len(chunk)
        if length > limit:
            raise BodyTooLarge("A delivery has at most 3 MiB.")
        yield chunk
        is_open = message.get("more_body", False)


def _refusal(error: Exception) -> tuple[int, bytes, bytes]:
    if isinstance(error, DomainError):
        return _problem(error.status, error.code, error.message)
    if isinstance(error, Overloaded):
        return _problem(503, "overloaded", "Too many deliveries at once.")
    if outage.is_outage(error):
        logger.error("database_unavailable", error=str(error))
        return _problem(503, "database_unavailable", "The database is away.")
    logger.error("webhook_failed", exc_info=error)
    return _problem(500, "internal_error", "An internal error occurred.")


def _problem(status: int, code: str, detail: str) -> tuple[int, bytes, bytes]:
    document = problems.document(status=status, code=code, detail=detail)
    return status, _PROBLEM, json.dumps(document).encode()


async def _send(send: Send, request_id: str, status: int, content_type: bytes, body: bytes) -> None:
    headers = [
        (b"content-type", content_type),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"x-request-id", request_id.encode("latin-1")),
    ]
    if status == 503:
        headers.append((b"retry-after", RETRY_AFTER))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
