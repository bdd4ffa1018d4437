"""The webhook row's floor: ASGI and one HMAC, nothing parsed, nothing stored."""

import hashlib
import hmac
import os
from typing import Any

SECRET = os.environ["WHATSAPP_APP_SECRET"].encode()
ANSWER = b'{"status":"ok"}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer 200 to what is signed, 401 to the rest."""
    body, is_open = b"", True
    while is_open:
        message = await receive()
        body += message.get("body", b"")
        is_open = message.get("more_body", False)
    given = dict(scope["headers"]).get(b"x-hub-signature-256", b"").decode()
    expected = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    status = 200 if hmac.compare_digest(expected, given) else 401
    await send({"type": "http.response.start", "status": status, "headers": HEADERS})
    await send({"type": "http.response.body", "body": ANSWER})
