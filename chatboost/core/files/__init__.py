"""Files that the product made or was given: written in a stream, served by permission or signed link.

The row comes first and says `writing`, then the bytes, then the row says `ready`: a crash leaves nothing
that looks whole, and the removal of what has `expired` clears away what it left.
"""

from chatboost.core.files.links import address, link, token
from chatboost.core.files.removal import delete, expired
from chatboost.core.files.reserving import Filled, Reserved, complete, fill, give_up, reserve
from chatboost.core.files.store import InTransaction, get, open, write

__all__ = [
    "Filled",
    "InTransaction",
    "Reserved",
    "address",
    "complete",
    "delete",
    "expired",
    "fill",
    "get",
    "give_up",
    "link",
    "open",
    "reserve",
    "token",
    "write",
]
