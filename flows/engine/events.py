"""What may happen to a run from outside."""

from dataclasses import field
from typing import Any

from flows.engine.records import record


class Event:
    """Base of all events; a room that registers a node kind may bring its own."""

    __slots__ = ()


@record
class Started(Event):
    """The run begins."""


@record
class InputReceived(Event):
    """The contact wrote.

    `text` is the words, a caption, or the title of the chosen button or row, whose id is `reply_id`;
    `payload` is what the message carries besides (media, location), as JSON.
    """

    text: str
    type: str = "text"
    payload: dict[str, Any] = field(default_factory=dict)
    reply_id: str = ""


@record
class TimerFired(Event):
    """The time of `StartTimer` or `AwaitInput` has come."""


@record
class WebhookAnswered(Event):
    """A call has ended: with `status` and the parsed `body`, or with an `error` code and no answer."""

    status: int | None = None
    body: Any = None
    error: str | None = None


@record
class Resumed(Event):
    """An operator ends the wait by hand: a delay is over, an input has timed out, a call has failed."""
