"""Child processes for what strangers' bytes may exhaust, hang or crash. Pure: no Django, nothing of a room.

A child runs a *service*, a module with two functions:

- `warm_up() -> None` loads what every call needs. The memory that it takes is not counted.
- `serve(parts: list[bytes]) -> list[bytes]` answers a call, or raises `PictureError`.

The module's name is a constant of who makes the `Pool`. What it imports is what a child takes to start, so it
leaves Django alone.
"""

from chatboost.core.isolation.pool import RECYCLE_AFTER, NotStarted, Pool
from chatboost.core.isolation.protocol import MAX_PARTS

__all__ = ["MAX_PARTS", "RECYCLE_AFTER", "NotStarted", "Pool"]
