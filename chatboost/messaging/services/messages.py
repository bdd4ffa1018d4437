"""Messages: queued through the gate, with their work, in the caller's transaction."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from chatboost.core import clock, live
from chatboost.core.db import rows
from chatboost.core.work import queue as work
from chatboost.messaging import gate
from chatboost.messaging.models import (
    WHATSAPP_KINDS,
    ChannelHealth,
    ContactStatus,
    Conversation,
    Direction,
    Message,
    MessageStatus,
    OriginKind,
)
from chatboost.messaging.services import loops

SEND_KIND = "messaging.send"

# Replies overtake campaigns.
_PRIORITY = {OriginKind.CAMPAIGN: 70}
_QUEUE = {OriginKind.CAMPAIGN: "campaign"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message to be queued. `conversation` has its channel and contact loaded.

    `content` has the shape that `providers.base.OutboundMessage` describes for `type`.
    """

    conversation: Conversation
    type: str
    content: Mapping[str, Any]
    origin_kind: str
    origin_id: int | None = None
    reply_to: str = ""


def queue(
    *,
    conversation: Conversation,
    type: str,
    content: Mapping[str, Any],
    origin_kind: str,
    origin_id: int | None = None,
    reply_to: str = "",
    now: datetime | None = None,
) -> Message:
    """Queue one message; its status is `queued`, or `refused` with the gate's reason. Atomic."""
    draft = Draft(
        conversation=conversation,
        type=type,
        content=content,
        origin_kind=origin_kind,
        origin_id=origin_id,
        reply_to=reply_to,
    )
    return queue_many([draft], now=now)[0]


@transaction.atomic(savepoint=False)
def queue_many(drafts: Sequence[Draft], *, now: datetime | None = None) -> list[Message]:
    """Queue messages in order, set-based; each conversation's are sent in that order. Atomic.

    An error in it rolls the caller's transaction back, too.
    """
    if not drafts:
        return []
    now = now or clock.now()
    verdicts = _without_loops(drafts, [preview(row.conversation, row.type, now=now) for row in drafts], now)
    pairs = [(_row(draft, now), verdict) for draft, verdict in zip(drafts, verdicts, strict=True)]
    for message, verdict in pairs:
        if verdict.action is gate.Action.REFUSE:
            message.status = MessageStatus.REFUSED
            message.reason = verdict.reason
            message.reason_detail = verdict.explanation
    messages = [message for message, _ in pairs]
    rows.create(messages)
    work.enqueue_many(
        _order(message, verdict) for message, verdict in pairs if message.status == MessageStatus.QUEUED
    )
    _touch({draft.conversation.pk: draft.conversation for draft in drafts}.values(), now)
    return messages


def _without_loops(
    drafts: Sequence[Draft], verdicts: Sequence[gate.Verdict], now: datetime
) -> list[gate.Verdict]:
    """Refuse what a bot says beyond its limit, and pause it there."""
    guarded = [
        verdict.action is not gate.Action.REFUSE and loops.is_guarded(draft.conversation, draft.origin_kind)
        for draft, verdict in zip(drafts, verdicts, strict=True)
    ]
    counts = Counter(draft.conversation.pk for draft, counts in zip(drafts, guarded, strict=True) if counts)
    room = dict(loops.room(counts, now=now))
    checked = list(verdicts)
    for place, draft in enumerate(drafts):
        left = room.get(draft.conversation.pk)
        if left is None or not guarded[place]:
            continue
        room[draft.conversation.pk] = left - 1
        if left <= 0:
            checked[place] = gate.Verdict(gate.Action.REFUSE, gate.Reason.BOT_LOOP)
            loops.stop(draft.conversation, now=now)
    return checked


def _touch(conversations: Collection[Conversation], now: datetime) -> None:
    """Move the conversations to the top of the inbox; a batch of inbound messages did so already."""
    stale = [row for row in conversations if row.last_message_at is None or row.last_message_at < now]
    if stale:
        # Locked in id order, as everywhere, so two batches can't deadlock.
        own = Conversation.objects.filter(organization_id__in={row.organization_id for row in stale})
        locked = own.filter(pk__in=[row.pk for row in stale]).select_for_update().order_by("id")
        ids = list(locked.values_list("id", flat=True))
        own.filter(pk__in=ids).update(last_message_at=now)
    for conversation in conversations:
        conversation.last_message_at = now
        live.changed(f"conversation:{conversation.pk}")


def preview(conversation: Conversation, message_type: str, *, now: datetime | None = None) -> gate.Verdict:
    """Ask the gate about a message of this type, without queueing anything."""
    return gate.check(facts(conversation, message_type), now=now or clock.now())


def facts(conversation: Conversation, message_type: str) -> gate.Facts:
    """Gather what the gate needs; the conversation's contact, channel and its bot must be loaded."""
    contact, channel = conversation.contact, conversation.channel
    is_whatsapp = channel.kind in WHATSAPP_KINDS
    return gate.Facts(
        message_type=message_type,
        is_contact_blocked=contact.status == ContactStatus.BLOCKED,
        has_address=bool(contact.phone or contact.external_user_id),
        is_channel_active=channel.is_active and (channel.bot.is_whatsapp_enabled or not is_whatsapp),
        is_channel_healthy=channel.health == ChannelHealth.OK,
        window_expires_at=conversation.window_expires_at,
    )


def readable_text(message_type: str, content: Mapping[str, Any]) -> str:
    """Return what a person reads in a list of messages."""
    text = content.get("text") or content.get("body") or content.get("caption") or ""
    return str(text)[:4096] if text else f"[{message_type}]"


def queue_of(origin_kind: str) -> str:
    """Return the queue that sends messages of this origin."""
    return _QUEUE.get(OriginKind(origin_kind), "interactive")


def priority_of(origin_kind: str) -> int:
    """Return how soon messages of this origin go; lower is sooner."""
    return _PRIORITY.get(OriginKind(origin_kind), 50)


def _row(draft: Draft, now: datetime) -> Message:
    conversation = draft.conversation
    return Message(
        organization_id=conversation.organization_id,
        bot_id=conversation.bot_id,
        channel_id=conversation.channel_id,
        conversation=conversation,
        contact_id=conversation.contact_id,
        direction=Direction.OUTBOUND,
        status=MessageStatus.QUEUED,
        type=draft.type,
        text=readable_text(draft.type, draft.content),
        content=dict(draft.content),
        reply_to_external_id=draft.reply_to,
        origin_kind=draft.origin_kind,
        origin_id=draft.origin_id,
        created_at=now,
        changed_at=now,
    )


def _order(message: Message, verdict: gate.Verdict) -> work.Order:
    return work.Order(
        kind=SEND_KIND,
        subject_id=message.pk,
        organization_id=message.organization_id,
        queue=queue_of(message.origin_kind),
        priority=priority_of(message.origin_kind),
        lane=f"send:{message.conversation_id}",
        run_at=verdict.until,
    )
