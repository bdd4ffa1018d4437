"""What this room tells the others, through the outbox."""

from dataclasses import dataclass
from typing import ClassVar

from chatboost.core.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRemoved(Event):
    """Somebody belongs to the organization no more: removed, or gone by themselves."""

    name: ClassVar[str] = "member_removed"
    user_id: int
