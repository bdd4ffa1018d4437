"""What proofs of pauses and unclear sends ask of the database; see `tests.rig_tasks`."""

import json
from collections.abc import Callable
from typing import Any

from django.db.models import Q

from chatboost.core.models import WorkItem, WorkState
from chatboost.messaging.models import Channel, ChannelKind, Message, MessageStatus
from tests.rig import ACCESS_TOKEN


def add_number(external_id: str) -> dict[str, Any]:
    """Give the rig's bot a second phone number."""
    first = Channel.objects.get(kind=ChannelKind.WHATSAPP)
    Channel.objects.create(
        organization_id=first.organization_id,
        bot_id=first.bot_id,
        kind=ChannelKind.WHATSAPP,
        name="Second",
        external_id=external_id,
        access_token=ACCESS_TOKEN,
    )
    return {"phone_number_id": external_id}


def unclear() -> dict[str, Any]:
    """List the messages whose outcome nobody knows, as the console's filter does: text and reason."""
    rows = Message.objects.filter(direction="outbound", status=MessageStatus.UNKNOWN)
    return {"messages": list(rows.order_by("id").values("text", "reason", "channel__external_id"))}


def leased() -> dict[str, Any]:
    """List who holds what: item id → token."""
    held = WorkItem.objects.filter(state=WorkState.LEASED).values_list("id", "token")
    return {str(item_id): str(token) for item_id, token in held}


def untaken(held: str) -> dict[str, Any]:
    """Count the items of `leased` that nobody has taken since from whoever held them.

    An item that a sweep took back has a crash on its record until the next worker is done with it.
    """
    theirs: dict[str, str] = json.loads(held)
    mine = WorkItem.objects.filter(id__in=[int(item_id) for item_id in theirs])
    return {"count": mine.filter(Q(token__in=set(theirs.values())) | Q(crash_count__gt=0)).count()}


TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    "add_number": add_number,
    "unclear": unclear,
    "leased": leased,
    "untaken": untaken,
}
