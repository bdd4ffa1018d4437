"""Receipts: what a vendor delivered becomes rows and work, once per key, for ever."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from chatboost.core import clock
from chatboost.core.work import queue as work
from chatboost.messaging.models import Channel, ReceiptKind

INBOUND_KIND = "messaging.inbound"
STATUS_KIND = "messaging.status"

# Six parameters a row: far below what the databases take in a statement.
ROWS_AT_ONCE = 1000

_INSERT = """
INSERT INTO messaging_webhookreceipt (organization_id, channel_id, key, kind, payload, received_at)
VALUES {rows} ON CONFLICT (channel_id, key) DO NOTHING RETURNING id, channel_id, key
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """One part of a delivery. `sender` is a message's author in the vendor's words: its lane."""

    channel: Channel
    key: str
    kind: str
    payload: dict[str, Any]
    sender: str = ""


@transaction.atomic
def store(parts: Sequence[Delivered], *, now: datetime | None = None) -> int:
    """Store what is new and enqueue its work in the given order; returns how many were new."""
    unique = list({(part.channel.pk, part.key): part for part in parts}.values())
    if not unique:
        return 0
    # Copies of one delivery that come at the same moment take the keys' locks in the same order.
    ordered = sorted(unique, key=lambda part: (part.channel.pk, part.key))
    moment = now or clock.now()
    new: dict[tuple[int, str], int] = {}
    for start in range(0, len(ordered), ROWS_AT_ONCE):
        new |= _insert(ordered[start : start + ROWS_AT_ONCE], moment)
    work.enqueue_many(
        _order(part, new[part.channel.pk, part.key])
        for part in unique
        if (part.channel.pk, part.key) in new and part.kind != ReceiptKind.OTHER
    )
    return len(new)


def _insert(parts: Sequence[Delivered], now: datetime) -> dict[tuple[int, str], int]:
    values: list[Any] = []
    for part in parts:
        values += [
            part.channel.organization_id,
            part.channel.pk,
            part.key,
            part.kind,
            json.dumps(part.payload),
            connection.ops.adapt_datetimefield_value(now),
        ]
    # The ORM's ignore_conflicts can't tell which rows were new.
    rows = ", ".join(["(%s, %s, %s, %s, %s, %s)"] * len(parts))
    with connection.cursor() as cursor:
        cursor.execute(_INSERT.format(rows=rows), values)
        return {(channel_id, key): id_ for id_, channel_id, key in cursor.fetchall()}


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
