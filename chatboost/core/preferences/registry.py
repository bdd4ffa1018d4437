"""Which rooms have settings, declared in a room's `preferences.py`."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from chatboost.core.preferences.fields import Setting, settings_of

# Arguments of `change`, so no setting can be called like that.
_RESERVED = {"organization_id", "type", "actor", "version"}


@dataclass(frozen=True, slots=True)
class Room:
    """One room's settings. `type` is the dataclass that services read."""

    name: str
    type: Any
    title: str
    settings: tuple[Setting, ...]


_rooms: dict[str, Room] = {}


def declare(name: str, type: type[Any], title: str) -> None:
    """Declare a room's settings: a frozen dataclass whose fields all have defaults.

    Raises: ValueError when the room or the type is taken or a default is wrong, TypeError for a wrong field.
    """
    if name in _rooms or any(known.type is type for known in _rooms.values()):
        raise ValueError(f"settings of {name!r} are declared twice")
    if not dataclasses.is_dataclass(type):
        raise TypeError(f"{type} is no dataclass")
    settings = settings_of(type)
    if reserved := _RESERVED & {each.name for each in settings}:
        raise ValueError(f"no setting can be called {', '.join(sorted(reserved))}")
    _rooms[name] = Room(name, type, title, settings)


def rooms() -> list[Room]:
    """Return the rooms that have settings, by title."""
    return sorted(_rooms.values(), key=lambda known: known.title)


def room(name: str) -> Room | None:
    """Return a room's settings by its name."""
    return _rooms.get(name)


def room_of(type: type[Any]) -> Room:
    """Return the room whose settings are of this type. Raises: KeyError for a type nobody has declared."""
    for known in _rooms.values():
        if known.type is type:
            return known
    raise KeyError(f"{type.__name__} is not declared")
