"""The vendors' doors in the OpenAPI document: plain views, so the generator doesn't see them."""

from typing import Any

Json = dict[str, Any]

_PROBLEM = {
    "description": "A problem document.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_HUB = ("mode", "verify_token", "challenge")


def add_webhooks(result: Json, **kwargs: Any) -> Json:
    """Add WhatsApp's webhook, for the installation and for a channel of its own; a spectacular hook."""
    uuid = {
        "name": "channel_uuid",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "format": "uuid"},
    }
    result["paths"]["/whatsapp/webhook"] = _path("whatsapp_webhook", [])
    result["paths"]["/whatsapp/webhook/{channel_uuid}"] = _path("whatsapp_webhook_channel", [uuid])
    return result


def _path(name: str, parameters: list[Json]) -> Json:
    query = [
        {"name": f"hub.{word}", "in": "query", "required": True, "schema": {"type": "string"}}
        for word in _HUB
    ]
    signature = {
        "name": "X-Hub-Signature-256",
        "in": "header",
        "required": True,
        "schema": {"type": "string", "pattern": "^sha256=[0-9a-f]{64}$"},
    }
    return {
        "get": {
            "operationId": f"{name}_verify",
            "description": "Meta's verification: echoes the challenge when the verify token is ours.",
            "tags": ["whatsapp"],
            "parameters": [*parameters, *query],
            "security": [{}],
            "responses": {
                "200": {
                    "description": "The challenge.",
                    "content": {"text/plain": {"schema": {"type": "string"}}},
                },
                "default": _PROBLEM,
            },
        },
        "post": {
            "operationId": f"{name}_receive",
            "description": "A signed delivery. 200 means that it is stored; its work follows.",
            "tags": ["whatsapp"],
            "parameters": [*parameters, signature],
            "security": [{}],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"type": "object"}}},
            },
            "responses": {
                "200": {"description": "Stored.", "content": {"application/json": {"schema": _RECEIVED}}},
                "default": _PROBLEM,
            },
        },
    }


_RECEIVED: Json = {
    "type": "object",
    "properties": {
        "status": {"type": "string"},
        "parts": {"type": "integer", "description": "Messages and statuses that are ours."},
        "new": {"type": "integer", "description": "How many of them came for the first time."},
    },
    "required": ["status", "parts", "new"],
}
