"""Who listens to what."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Handler = Callable[[Mapping[str, Any], int], None]


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscriber of one event. `handler(payload, organization_id)` runs in a transaction."""

    event: str
    name: str
    handler: Handler
    queue: str

    @property
    def kind(self) -> str:
        """Name of the work kind that delivers to this subscriber."""
        return f"event:{self.name}"


_by_event: dict[str, list[Subscription]] = defaultdict(list)


def add(event: str, *, name: str, handler: Handler, queue: str = "interactive") -> Subscription:
    """Note a subscriber of an event."""
    subscription = Subscription(event, name, handler, queue)
    _by_event[event].append(subscription)
    return subscription


def subscriptions(event: str) -> list[Subscription]:
    """Return the subscribers of an event, in order of registration."""
    return list(_by_event.get(event, ()))
