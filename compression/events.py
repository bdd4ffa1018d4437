"""What this room tells the others, through the outbox."""

from dataclasses import dataclass
from typing import ClassVar

from chatboost.core.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFinished(Event):
    """A round of a request has ended. `state` is one of `completed, partial, failed`."""

    name: ClassVar[str] = "batch_finished"
    request_id: int
    state: str
    round: int
