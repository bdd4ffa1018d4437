"""The renderer of this process: its child processes, made when the first picture comes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from django.conf import settings

from invitations.rendering import Card, CardRequest, FaceOptions, Pool, PreparedPhoto

# What a worker may hold in memory: so many pictures at most, whatever the number of its threads.
UNDER_WAY = 8

_room = threading.BoundedSemaphore(UNDER_WAY)


@contextmanager
def room() -> Iterator[None]:
    """Hold one of the places for a picture in memory."""
    with _room:
        yield


def prepare_photo(content: bytes, options: FaceOptions) -> PreparedPhoto:
    """Turn a photo upright and find the faces on it, in a child process. Raises: PictureError."""
    return pool().prepare_photo(content, options)


def render(request: CardRequest) -> Card:
    """Make a card in a child process. Raises: PictureError, LayoutError."""
    return pool().render(request)


@cache
def pool() -> Pool:
    """Return the children of this process."""
    return Pool(max(1, settings.INVITATION_PROCESSES))
