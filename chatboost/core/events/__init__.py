"""Events between rooms, through an outbox: written in the caller's transaction, delivered by work items.

An event is a frozen dataclass in `<app>/events.py`, named in the past tense, of ids and scalars only.
Each subscriber has a work item of its own, so one that fails never re-runs another.
"""

from chatboost.core.events.delivery import subscribe
from chatboost.core.events.outbox import Event, publish, publish_many
from chatboost.core.events.registry import Subscription, subscriptions

__all__ = ["Event", "Subscription", "publish", "publish_many", "subscribe", "subscriptions"]
