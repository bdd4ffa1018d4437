"""What jobs tell the rooms, through the outbox."""

from dataclasses import dataclass
from typing import ClassVar

from chatboost.core.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnded(Event):
    """A job that a user had started is over. `state` is one of `done, failed, cancelled`.

    A job that failed may end again, when its work is tried again.
    """

    name: ClassVar[str] = "job_ended"
    job_id: int
    state: str
