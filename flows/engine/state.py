"""What a run remembers between two events."""

from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from flows.engine.records import record


class RunStatus(StrEnum):
    """Where a run is: ready → waiting ⇄ waiting → completed | failed; ready may end at once."""

    READY = "ready"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"


class WaitKind(StrEnum):
    """What a waiting run waits for. Other rooms' node kinds use `EVENT`."""

    TIMER = "timer"
    INPUT = "input"
    WEBHOOK = "webhook"
    EVENT = "event"


@record
class Wait:
    """What the current node waits for, and until when at most."""

    kind: WaitKind
    until: datetime | None = None


@record
class RunState:
    """A run between two events.

    `node` is the waiting or the failed node; `variables` is `state` in placeholders, plain JSON; `steps`
    counts the nodes entered since the start.
    """

    variables: dict[str, Any] = field(default_factory=dict)
    status: RunStatus = RunStatus.READY
    node: int | None = None
    steps: int = 0
    wait: Wait | None = None

    @property
    def is_awaiting_input(self) -> bool:
        """Tell whether the contact's next message belongs to this run."""
        return self.wait is not None and self.wait.kind is WaitKind.INPUT

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON that `from_json` reads."""
        wait = self.wait
        until = wait.until.isoformat() if wait and wait.until else None
        return {
            "variables": self.variables,
            "status": self.status.value,
            "node": self.node,
            "steps": self.steps,
            "wait": {"kind": wait.kind.value, "until": until} if wait else None,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        wait = data["wait"]
        return cls(
            variables=data["variables"],
            status=RunStatus(data["status"]),
            node=data["node"],
            steps=data["steps"],
            wait=Wait(WaitKind(wait["kind"]), _moment(wait["until"])) if wait else None,
        )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
