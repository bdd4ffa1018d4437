"""What this room tells the others, through the outbox."""

from dataclasses import dataclass
from typing import ClassVar

from chatboost.core.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationBatchFinished(Event):
    """Everything of a batch has ended. `state` is one of `completed, partial, failed`."""

    name: ClassVar[str] = "invitation_batch_finished"
    batch_id: int
    state: str
