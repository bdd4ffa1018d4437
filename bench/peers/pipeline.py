"""The pipeline row's ways from a message to its queued reply; all write the same words.

Import after `django.setup()`.
"""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import psycopg
from django.db import transaction

from chatboost.core import clock
from chatboost.core.models import WorkItem
from chatboost.core.work import claim
from chatboost.core.work import drain as loop
from chatboost.messaging.models import (
    Channel,
    Contact,
    ContactAttribute,
    Conversation,
    Direction,
    Message,
    MessageStatus,
    OriginKind,
)
from chatboost.messaging.services import receipts
from chatboost.messaging.webhooks import whatsapp_payload
from flows.models import Execution, ExecutionLog, ExecutionState, Node
from tests.fakes import whatsapp_webhooks as bodies
from tests.rig_tasks import seed_echo
from triggers.models import Trigger, TriggerLog

FLOOR_TABLE = """
CREATE TABLE floor_message (
    id bigserial PRIMARY KEY, person text NOT NULL, direction text NOT NULL, status text NOT NULL,
    body text NOT NULL, external_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX floor_message_external_id ON floor_message (external_id) WHERE external_id <> ''
"""
BATCH = 100


def seed() -> Channel:
    """Make the bot that answers "say …" by three nodes."""
    return Channel.objects.select_related("bot").get(external_id=seed_echo()["phone_number_id"])


def arrivals(channel: Channel, number: int, tag: str) -> list[whatsapp_payload.Receipt]:
    """Make that many messages, each of another person, as the webhook hands them on."""
    parts = []
    for place in range(number):
        sender = str(15552000000 + place)
        message = bodies.text_message(
            sender=sender, wamid=f"wamid.{tag}.{place}", text=f"say {tag}", timestamp=int(time.time())
        )
        people = [bodies.contact(sender=sender, name="Ada Lovelace")]
        raw = bodies.encode(bodies.delivery(channel.external_id, contacts=people, messages=[message]))
        parts += whatsapp_payload.split(raw)
    return parts


def store(channel: Channel, parts: Sequence[whatsapp_payload.Receipt]) -> None:
    """Put the receipts and their work where the webhook leaves them."""
    receipts.store(
        [
            receipts.Delivered(
                channel=channel,
                key=part.key,
                kind=part.kind.value,
                payload=part.payload,
                sender=part.sender or "",
            )
            for part in parts
        ]
    )


def ours_batched() -> None:
    """Drain as a pump does."""
    while loop.drain("interactive", names=[receipts.INBOUND_KIND]):
        pass


def ours_single() -> None:
    """Drain one message at a time, as when messages come in one by one."""
    while items := claim.claim("interactive", limit=1, now=clock.now(), kinds=[receipts.INBOUND_KIND]):
        loop.run(items)


def clear() -> None:
    """Forget the sends that rounds have queued."""
    WorkItem.objects.all().delete()


def replies() -> int:
    """Count what is queued."""
    return Message.objects.filter(direction=Direction.OUTBOUND, status=MessageStatus.QUEUED).count()


def naive(channel: Channel) -> Callable[[Sequence[whatsapp_payload.Receipt]], None]:
    """The straightforward handler: a transaction a message, rows fetched and saved as they are needed."""

    def run(parts: Sequence[whatsapp_payload.Receipt]) -> None:
        for part in parts:
            with transaction.atomic():
                _handle(channel, whatsapp_payload.parse_message(part.payload))

    return run


def _handle(channel: Channel, said: whatsapp_payload.InboundMessage) -> None:
    now = clock.now()
    scope = {"organization_id": channel.organization_id}
    contact, _ = Contact.objects.get_or_create(
        phone=said.from_phone, defaults={"first_name": said.profile_name or ""}, **scope
    )
    conversation, _ = Conversation.objects.get_or_create(
        channel=channel, contact=contact, defaults={"bot_id": channel.bot_id, **scope}
    )
    conversation.window_expires_at = now + timedelta(hours=24)
    conversation.last_inbound_at = conversation.last_message_at = now
    conversation.save()
    row = {
        **scope,
        "bot_id": channel.bot_id,
        "channel": channel,
        "conversation": conversation,
        "contact": contact,
        "type": "text",
    }
    message = Message.objects.create(
        **row,
        direction=Direction.INBOUND,
        status=MessageStatus.RECEIVED,
        text=said.text or "",
        content=said.content,
        external_id=said.external_id,
        origin_kind=OriginKind.CONTACT,
    )
    for trigger in Trigger.objects.filter(bot_id=channel.bot_id, is_active=True).order_by("-priority"):
        if any(message.text.lower().startswith(word) for word in trigger.keywords):
            _run_flow(trigger, message, conversation, row)
            return


def _run_flow(trigger: Trigger, message: Message, conversation: Conversation, row: dict[str, Any]) -> None:
    contact, scope = conversation.contact, {"organization_id": conversation.organization_id}
    execution = Execution.objects.create(
        **scope,
        flow=trigger.flow,
        flow_version=trigger.flow.published_version,
        bot_id=conversation.bot_id,
        contact=contact,
        conversation=conversation,
        state=ExecutionState.WAITING_TIMER,
        origin_kind="trigger",
        origin_id=trigger.pk,
    )
    TriggerLog.objects.create(
        **scope, trigger=trigger, contact=contact, message=message, execution=execution, keyword="say"
    )
    attributes = {one.key: one.value for one in contact.attributes.all()}
    number: int | None = 0
    while number is not None:
        node = Node.objects.get(flow=trigger.flow, number=number)
        number = node.config.get("next")
        if node.type == "set_attribute":
            key = node.config["attribute_key"]
            attributes[key] = message.text
            ContactAttribute.objects.update_or_create(
                contact=contact, key=key, defaults={"value": message.text, **scope}
            )
        elif node.type == "condition":
            key = node.config["variable"].rpartition(".")[2]
            number = node.config["true_path" if key in attributes else "false_path"]
        else:
            text = node.config["content"]["text"].replace("{{contact.attribute.said}}", attributes["said"])
            Message.objects.create(
                **row,
                direction=Direction.OUTBOUND,
                status=MessageStatus.QUEUED,
                text=text,
                content={"text": text},
                origin_kind=OriginKind.FLOW,
                origin_id=execution.pk,
            )
        ExecutionLog.objects.create(
            **scope, execution=execution, node_number=node.number, node_type=node.type, event="done"
        )
    execution.state, execution.ended_at = ExecutionState.COMPLETED, clock.now()
    execution.save()


def bare(url: str) -> Callable[[Sequence[whatsapp_payload.Receipt]], None]:
    """The floor: 100 messages and 100 replies a transaction, by the bare driver; nothing looked up."""
    connection = psycopg.connect(url)
    connection.execute(FLOOR_TABLE.encode())
    connection.commit()
    insert = (
        "INSERT INTO floor_message (person, direction, status, body, external_id) VALUES (%s, %s, %s, %s, %s)"
    )

    def run(parts: Sequence[whatsapp_payload.Receipt]) -> None:
        for start in range(0, len(parts), BATCH):
            said = [whatsapp_payload.parse_message(part.payload) for part in parts[start : start + BATCH]]
            with connection.transaction(), connection.cursor() as cursor:
                cursor.executemany(
                    insert,
                    [(one.from_phone, "inbound", "received", one.text, one.external_id) for one in said],
                )
                cursor.executemany(
                    insert, [(one.from_phone, "outbound", "queued", f"echo {one.text}", "") for one in said]
                )

    return run
