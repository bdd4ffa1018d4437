"""Receipts: what a vendor delivered becomes rows and work, once per key, for ever."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from chatboost.core import clock
from chatboost.core.db import rows
from chatboost.core.work import failpoints
from chatboost.core.work import queue as work
from chatboost.messaging.models import Channel, ReceiptKind, WebhookReceipt

INBOUND_KIND = "messaging.inbound"
STATUS_KIND = "messaging.status"

ONCE_PER_CHANNEL = "ON CONFLICT (channel_id, key) DO NOTHING"

# A channel's id and a key.
Identity = tuple[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """One part of a delivery. `sender` is a message's author in the vendor's words: its lane."""

    channel: Channel
    key: str
    kind: str
    payload: dict[str, Any]
    sender: str = ""

    @property
    def identity(self) -> Identity:
        """What makes it the same part, whichever copy of the delivery brought it."""
        return self.channel.pk, self.key


def store(parts: Sequence[Delivered], *, now: datetime | None = None) -> int:
    """Store what is new and enqueue its work in the given order; returns how many were new."""
    return len(store_new(parts, now=now))


def store_new(parts: Sequence[Delivered], *, now: datetime | None = None) -> set[Identity]:
    """Store what is new and enqueue its work in the given order; returns which were new."""
    if not parts:
        return set()
    failpoints.reach("door.received")
    with transaction.atomic():
        new = _store(list({part.identity: part for part in parts}.values()), now or clock.now())
        failpoints.reach("door.saved")
    failpoints.reach("door.committed")
    return new


def _store(unique: Sequence[Delivered], now: datetime) -> set[Identity]:
    # Copies of one delivery that come at the same moment take the keys' locks in the same order.
    ordered = sorted(unique, key=lambda part: part.identity)
    new = _insert(ordered, now)
    work.enqueue_many(
        _order(part, new[part.identity])
        for part in unique
        if part.identity in new and part.kind != ReceiptKind.OTHER
    )
    return set(new)


def _insert(parts: Sequence[Delivered], now: datetime) -> dict[Identity, int]:
    """Insert receipts; returns the ids of the new ones, which the ORM's `ignore_conflicts` can't tell."""
    received_at = rows.moment(now)
    inserted = rows.insert(
        WebhookReceipt,
        (
            {
                "organization_id": part.channel.organization_id,
                "channel_id": part.channel.pk,
                "key": part.key,
                "kind": part.kind,
                "payload": part.payload,
                "received_at": received_at,
            }
            for part in parts
        ),
        on_conflict=ONCE_PER_CHANNEL,
        returning=("id", "channel_id", "key"),
    )
    return {(channel_id, key): id_ for id_, channel_id, key in inserted}


def _order(part: Delivered, receipt_id: int) -> work.Order:
    is_message = part.kind == ReceiptKind.MESSAGE
    return work.Order(
        kind=INBOUND_KIND if is_message else STATUS_KIND,
        subject_id=receipt_id,
        organization_id=part.channel.organization_id,
        queue="interactive",
        priority=40 if is_message else 60,
        # One person's messages are handled one after the other; statuses commute.
        lane=f"in:{part.channel.pk}:{part.sender}"[:120] if is_message else None,
    )
