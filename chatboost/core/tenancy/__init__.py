"""The wall between organizations: at interfaces a row is read through one organization, or not at all.

While a request or a socket is served the wall is up, and an `OrganizationQuerySet` that is bound to no
organization refuses to run: forgetting the filter is an error, not a leak. Workers and commands serve all
organizations at once and run without it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_is_up: ContextVar[bool] = ContextVar("tenancy_wall", default=False)


class UnboundQuery(RuntimeError):
    """A query would have read or changed rows of every organization. Always a bug, never a client's fault."""


@contextmanager
def wall() -> Iterator[None]:
    """Refuse unbound queries meanwhile, in this thread or task and what it starts."""
    token = _is_up.set(True)
    try:
        yield
    finally:
        _is_up.reset(token)


def is_wall_up() -> bool:
    """Tell whether unbound queries are refused here."""
    return _is_up.get()
