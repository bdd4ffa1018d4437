"""Compress in child processes, so that no picture can exhaust, hang or kill whoever asks for it."""

import time
from collections.abc import Callable

from chatboost.core import isolation
from chatboost.core.pictures import PictureError
from compression.codec import messages
from compression.codec.contract import Compressed, Options

SERVICE = "compression.codec.service"


class Pool(isolation.Pool):
    """Compress in up to `size` child processes at a time. Thread-safe; `compress` waits for a free child."""

    def __init__(
        self,
        size: int,
        *,
        recycle_after: int = isolation.RECYCLE_AFTER,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(SERVICE, size, recycle_after=recycle_after, clock=clock)

    def compress(self, content: bytes, options: Options) -> Compressed:
        """Make a picture smaller, in a child.

        Raises:
            PictureError: the picture does not come out; its `code` says why.
            ValueError: the pool is closed.
        """
        if len(content) > options.limits.max_bytes:
            # No child needs to see it.
            raise PictureError("too_large", "The file has more bytes than are allowed.")
        return self.ask(messages.request(content, options), options.limits, messages.read_answer)
