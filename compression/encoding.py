"""The codec of this process: its child processes, made when the first image comes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from django.conf import settings

from compression.codec import Compressed, Mode, Options, Output, Pool

# What a worker may hold in memory: so many images of 25 MiB at most, whatever the number of its threads.
UNDER_WAY = 8

_room = threading.BoundedSemaphore(UNDER_WAY)


@contextmanager
def room() -> Iterator[None]:
    """Hold one of the places for an image in memory."""
    with _room:
        yield


def compress(content: bytes, options: Options) -> Compressed:
    """Compress in a child process. Raises: PictureError."""
    return _pool().compress(content, options)


def options(*, mode: str, quality: int, percent: int, output: str) -> Options:
    """Return a request's wishes as the codec wants them."""
    return Options(mode=Mode(mode), quality=quality, percent=percent, output=Output(output))


@cache
def _pool() -> Pool:
    return Pool(max(1, settings.COMPRESSION_PROCESSES))
