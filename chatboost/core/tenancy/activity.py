"""Whether an organization is switched on, which the kernel asks and the room of organizations knows."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

Ask = Callable[[Collection[int]], Collection[int]]


@dataclass(frozen=True, slots=True)
class _Room:
    ask: Ask
    hold: Ask


# Until a room says otherwise, all of them are.
_rooms: list[_Room] = []


def register(*, ask: Ask, hold: Ask) -> None:
    """Say who knows: `ask(organization_ids)` returns those of them that are switched off.

    `hold` does the same within a transaction, and none of them is switched on before it ends.
    """
    _rooms[:] = [_Room(ask, hold)]


def inactive(organization_ids: Collection[int]) -> set[int]:
    """Return those of these organizations that are switched off. One query; the installation (0) never is."""
    wanted = set(organization_ids) - {0}
    return {found for room in _rooms for found in room.ask(wanted)} if wanted else set()


def hold_inactive(organization_ids: Collection[int]) -> set[int]:
    """Return those of these that are switched off, and stay so as long as the caller's transaction lasts."""
    return {found for room in _rooms for found in room.hold(organization_ids)}
