"""Messages as a thread shows them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils import timezone

from chatboost.messaging.models import Direction, Message, MessageStatus
from flows.models import Execution

# Icon and colour class of each outbound status; the words stand beside it for whoever can't see either.
MARKS = {
    MessageStatus.QUEUED: ("schedule", "wait"),
    MessageStatus.SENDING: ("schedule", "wait"),
    MessageStatus.UNKNOWN: ("help", "warn"),
    MessageStatus.SENT: ("done", "ok"),
    MessageStatus.DELIVERED: ("done_all", "ok"),
    MessageStatus.READ: ("done_all", "read"),
    MessageStatus.REFUSED: ("block", "bad"),
    MessageStatus.FAILED: ("error", "bad"),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A button or a list row that the contact may tap."""

    id: str
    title: str
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bubble:
    """One message.

    `version` changes whenever what is shown could change; `day` is set where a new day begins.
    """

    id: int
    version: str
    external_id: str
    is_out: bool
    type: str
    header: str
    text: str
    footer: str
    choices: tuple[Choice, ...]
    list_button: str
    at: datetime
    day: date | None
    origin: str
    status: str
    icon: str
    mark: str
    reason: str


def of(messages: Iterable[Message]) -> list[Bubble]:
    """Return messages as bubbles, in the order given (oldest first), with a day where one begins."""
    bubbles, last = [], None
    for message in messages:
        today = timezone.localtime(message.created_at).date()
        bubbles.append(_bubble(message, today if today != last else None))
        last = today
    return bubbles


def version(messages: Sequence[Message], *parts: object) -> str:
    """Return an ETag of these messages and of what else the page shows."""
    newest = max((message.changed_at for message in messages), default=None)
    return (
        '"'
        + "-".join(
            str(part).replace('"', "") for part in (len(messages), newest and newest.timestamp(), *parts)
        )
        + '"'
    )


def progress(execution: Execution | None) -> str:
    """Return a word that changes whenever an execution moves."""
    if execution is None:
        return ""
    steps = (execution.run_state or {}).get("steps", 0)
    return f"{execution.pk}.{execution.state}.{execution.node_number}.{steps}"


def _bubble(message: Message, day: date | None) -> Bubble:
    content = message.content if isinstance(message.content, dict) else {}
    is_out = message.direction == Direction.OUTBOUND
    icon, mark = MARKS.get(MessageStatus(message.status), ("", "")) if is_out else ("", "")
    choices = tuple(_choices(content)) if is_out else ()
    return Bubble(
        id=message.pk,
        version=f"{message.status}-{message.changed_at.timestamp()}",
        external_id=message.external_id,
        is_out=is_out,
        type=message.type,
        header=_text(content.get("header")),
        text=message.text or _text(content.get("text") or content.get("body")) or f"[{message.type}]",
        footer=_text(content.get("footer")),
        choices=choices,
        list_button=_text(content.get("button")),
        at=message.created_at,
        day=day,
        origin=message.get_origin_kind_display() if is_out else "",
        status=message.get_status_display() if is_out else "",
        icon=icon,
        mark=mark,
        reason=(message.reason_detail or message.reason) if mark in ("bad", "warn") else "",
    )


def _choices(content: dict[str, Any]) -> Iterable[Choice]:
    rows = [row for section in _dicts(content.get("sections")) for row in _dicts(section.get("rows"))]
    for item in [*_dicts(content.get("buttons")), *rows]:
        yield Choice(_text(item.get("id")), _text(item.get("title")), _text(item.get("description")))


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
