"""Events of this room."""

from dataclasses import dataclass
from typing import ClassVar

from chatboost.core.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowCompleted(Event):
    """An execution came to its end."""

    name: ClassVar[str] = "flow_completed"
    flow_id: int
    execution_id: int
    contact_id: int
    conversation_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowFailed(Event):
    """An execution ended badly; `code` says why."""

    name: ClassVar[str] = "flow_failed"
    flow_id: int
    execution_id: int
    contact_id: int
    conversation_id: int
    code: str
