"""One socket, as the postbox sees it: whose it is, and how far it has got."""

from collections.abc import Callable
from dataclasses import dataclass

from teams.realtime.outbox import Outbox


@dataclass(eq=False, slots=True)
class Subscriber:
    """A socket of a user in an organization.

    Everything after `start` up to `cursor` was handed to the outbox, each once. While it is not live, what is
    past is still to come; while it is behind, its client has not taken the frames before. `doubt` asks
    whether the user may still be here.
    """

    user_id: int
    organization_id: int
    outbox: Outbox
    doubt: Callable[[], None]
    cursor: int
    start: int
    is_live: bool = False
    is_behind: bool = False

    def can_take(self, low: int) -> bool:
        """Tell whether rows that were read from `low` on continue what this socket has."""
        return self.is_live and not self.is_behind and self.cursor >= low

    def offer(self, organization_id: int, seq: int, text: str) -> None:
        """Take the next row of the user's, unless there is no room; others' organizations are passed over."""
        if seq <= self.cursor:
            return
        if organization_id == self.organization_id and not self.outbox.offer(text):
            self.is_behind = True
            return
        self.cursor = seq
