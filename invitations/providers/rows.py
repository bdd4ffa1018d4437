"""Adapters that read our own tables: a call has a connection of its own, and leaves none open."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def reading() -> Iterator[None]:
    """Close the thread's connection afterwards, unless a transaction of the caller's is on it."""
    try:
        yield
    finally:
        if not connection.in_atomic_block:
            connection.close()
