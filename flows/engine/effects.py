"""What a step asks its caller to do, and what it tells the log."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from flows.engine.records import record


class Effect:
    """Base of all effects; a room that registers a node kind may bring its own."""

    __slots__ = ()


@record
class SendMessage(Effect):
    """Queue a message to the contact; `content` is fully rendered and must not be changed, runs may share it.

    `text`: `{"text"}`. `interactive`: see `flows.engine.nodes.interactive`.
    """

    message_type: str
    content: Mapping[str, Any]


@record
class SetAttribute(Effect):
    """Store a contact attribute; dates and datetimes are ISO texts, datetimes in UTC."""

    key: str
    value: Any
    value_type: str


@record
class StartTimer(Effect):
    """Send `TimerFired` at or after `until`; it replaces the run's timer before it."""

    until: datetime


@record
class AwaitInput(Effect):
    """Send `InputReceived` with their next message, and `TimerFired` at `timeout_at` if there is one."""

    timeout_at: datetime | None


@record
class CallWebhook(Effect):
    """Make an HTTP call outside any transaction and send `WebhookAnswered`.

    `body` None sends none, a text goes as it is, anything else as JSON. Headers may hold secrets and are not
    to be logged. `store_response_in` is for the eye: the node itself stores the answer.
    """

    method: str
    url: str
    headers: dict[str, str]
    body: Any
    store_response_in: str | None


@record
class Complete(Effect):
    """The run has ended well."""


@record
class Fail(Effect):
    """The run has ended badly. Codes: see `flows.engine.run.advance`."""

    code: str
    message: str


class LogLevel(StrEnum):
    """How much an operator should care."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@record
class LogEntry:
    """One line of a run's log; holds no contact data.

    `outcome` is the node kind's word for what happened (`sent`, `true`, `timed_out`), `missing` the
    placeholders that had no value.
    """

    node: int | None
    kind: str
    outcome: str
    level: LogLevel = LogLevel.INFO
    message: str = ""
    missing: tuple[str, ...] = ()
