"""The frames of `/ws`, as texts. Their words are in `teams.consumers`."""

import json
from datetime import UTC
from typing import Any

from teams.models import Notification

_encoder = json.JSONEncoder(separators=(",", ":"))


def frame(kind: str, **words: Any) -> str:
    """Return a frame."""
    return _encoder.encode({"type": kind, **words})


def notification(row: Notification) -> str:
    """Return the frame of a notification."""
    data = {
        "type": row.type,
        "severity": row.severity,
        "title": row.title,
        "body": row.body,
        "url": row.url,
        "created_at": row.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "is_read": row.read_at is not None,
    }
    return frame("notification", id=row.pk, cursor=row.seq, data=data)
