"""A service whose child starts, and dies of the first call before it has taken it."""

import os
from typing import NoReturn

from chatboost.core.isolation import protocol


def warm_up() -> None:
    """Lay the mine."""
    protocol.read_request = _die


def serve(parts: list[bytes]) -> list[bytes]:
    return parts


def _die(parts: list[bytes]) -> NoReturn:
    os._exit(3)
