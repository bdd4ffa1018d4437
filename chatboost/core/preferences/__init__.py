"""Settings per organization: a frozen dataclass per room, with defaults, validated and audited."""

from chatboost.core.preferences.fields import setting
from chatboost.core.preferences.registry import Room, declare, room, rooms
from chatboost.core.preferences.store import change, get, get_many, set_by_organization, version_of

__all__ = [
    "Room",
    "change",
    "declare",
    "get",
    "get_many",
    "room",
    "rooms",
    "set_by_organization",
    "setting",
    "version_of",
]
