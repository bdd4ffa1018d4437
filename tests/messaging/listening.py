"""Hearing events in tests: those that nobody subscribes to are not written."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chatboost.core.events import registry
from chatboost.core.models import OutboxEvent


@contextmanager
def listening(name: str) -> Iterator[list[dict[str, Any]]]:
    """Subscribe to an event; the list holds the payloads that were published, once the block has ended."""
    subscription = registry.add(name, name="test-listener", handler=lambda payload, organization_id: None)
    payloads: list[dict[str, Any]] = []
    try:
        yield payloads
        payloads += OutboxEvent.objects.filter(name=name).order_by("id").values_list("payload", flat=True)
    finally:
        registry._by_event[name].remove(subscription)
