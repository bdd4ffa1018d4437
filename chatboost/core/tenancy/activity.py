"""Whether an organization is switched on, which the kernel asks and the room of organizations knows."""

from collections.abc import Callable, Collection

Ask = Callable[[Collection[int]], Collection[int]]

# Until a room says otherwise, all of them are.
_ask: list[Ask] = []


def register(ask: Ask) -> None:
    """Say who knows: `ask(organization_ids)` returns those of them that are switched off."""
    _ask[:] = [ask]


def inactive(organization_ids: Collection[int]) -> set[int]:
    """Return those of these organizations that are switched off. One query; the installation (0) never is."""
    wanted = set(organization_ids) - {0}
    return {found for ask in _ask for found in ask(wanted)} if wanted else set()
