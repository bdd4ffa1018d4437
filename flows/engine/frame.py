"""The working copy of a run while one event is handled: what node kinds read and write."""

from dataclasses import field, replace
from datetime import UTC, datetime
from typing import Any, Final

from flows.engine.effects import Effect, LogEntry
from flows.engine.events import Event, InputReceived
from flows.engine.records import record
from flows.engine.state import RunState, Wait
from flows.engine.variables import CLOCK_VARIABLE

# A node returns the number of the next node, None when the run is complete, or one of these.
PAUSE: Final = -1
IGNORE: Final = -2


class NodeFailedError(Exception):
    """End the run with `Fail(code, message)`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@record
class Context:
    """What a run may look at besides its own state.

    `contact` holds plain JSON fields and `attribute`, a dict; `now` is aware; `message` is the newest inbound
    message (`text, type, reply_id, payload`), replaced by the event's own on `InputReceived`.
    """

    contact: dict[str, Any]
    now: datetime
    message: dict[str, Any] = field(default_factory=dict)


class Frame:
    """What one event's steps share.

    `scope` is what placeholders see: `state`, `contact`, `message`. `variables` is a copy whose first level
    may be written; deeper levels only through `store`. A node that pauses sets `wait` and returns `PAUSE`.
    One that is resumed by an event of no interest returns `IGNORE`; then only its effects and logs come out.
    """

    # Defaults on the class, so that making a frame sets only what differs from one to the next.
    number: int | None = None
    wait: Wait | None = None
    is_consumed: bool = True
    _attributes: dict[str, Any] | None = None

    def __init__(self, state: RunState, event: Event, context: Context, reads_clock: bool) -> None:
        self.variables = variables = state.variables.copy()
        if reads_clock:
            variables[CLOCK_VARIABLE] = f"{context.now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        message = _message(event) if type(event) is InputReceived else context.message
        self.scope: dict[str, Any] = {"state": variables, "contact": context.contact, "message": message}
        self.now = context.now
        self.steps = state.steps
        self.effects: list[Effect] = []
        self.logs: list[LogEntry] = []
        self.missing: list[str] = []

    def store(self, keys: tuple[str, ...], value: Any) -> None:
        """Set a state variable; dicts on the way are copied or made, never changed in place."""
        node = self.variables
        for key in keys[:-1]:
            child = node.get(key)
            node[key] = child = dict(child) if type(child) is dict else {}
            node = child
        node[keys[-1]] = value

    def has(self, keys: tuple[str, ...]) -> bool:
        """Tell whether a state variable has a value."""
        node: Any = self.variables
        for key in keys:
            node = node.get(key) if type(node) is dict else None
        return node is not None

    def set_attribute(self, key: str, value: Any) -> None:
        """Let later nodes of this run see `contact.attribute.<key>`."""
        if self._attributes is None:
            contact = self.scope["contact"]
            old = contact.get("attribute")
            self._attributes = dict(old) if type(old) is dict else {}
            self.scope["contact"] = {**contact, "attribute": self._attributes}
        self._attributes[key] = value

    def report_missing(self) -> None:
        """Move the missing placeholders to the newest log line."""
        if self.logs and self.missing:
            self.logs[-1] = replace(self.logs[-1], missing=tuple(dict.fromkeys(self.missing)))
        self.missing.clear()


def _message(event: InputReceived) -> dict[str, Any]:
    return {
        "text": event.text,
        "type": event.type,
        "reply_id": event.reply_id or None,
        "payload": event.payload,
    }
