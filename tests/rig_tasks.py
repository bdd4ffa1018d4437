"""What the rig asks of the installation's database; run in a child of `tests.rig_parent`."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, QuerySet

from chatboost.core import clock, pulse
from chatboost.core.models import TickRun, WorkItem
from chatboost.core.tenancy import crossings
from chatboost.core.work import queue
from chatboost.messaging.models import (
    MAX_MESSAGES_PER_SECOND,
    Channel,
    ChannelKind,
    Message,
    MessageStatus,
    SendAttempt,
    WebhookReceipt,
)
from chatboost.messaging.services import messages
from flows.models import Execution
from flows.services import flows
from tests import factories, rig_compression, rig_invitations, rig_notifications, rig_telegram, rig_watch
from tests.rig import ACCESS_TOKEN
from triggers.models import MatchType, Trigger
from triggers.services import triggers

Node = dict[str, Any]

REMEMBER: list[Node] = [
    {
        "type": "set_attribute",
        "config": {
            "attribute_key": "said",
            "attribute_value": "{{message.text}}",
            "value_type": "string",
            "next": 1,
        },
    },
    {
        "type": "condition",
        "config": {
            "variable": "contact.attribute.said",
            "operator": "exists",
            "true_path": 2,
            "false_path": None,
        },
    },
]
REPLY: Node = {
    "type": "send_message",
    "config": {"message_type": "text", "content": {"text": "echo {{contact.attribute.said}}"}},
}
PAUSE: Node = {"type": "wait", "config": {"duration": 1, "unit": "seconds", "next": 3}}


def seed_echo() -> dict[str, Any]:
    """A bot on a real channel: it repeats what starts with "say" at once, "later" after a second."""
    organization = factories.organization(name="Rig", slug="rig")
    bot = factories.bot(organization)
    channel = factories.channel(
        bot,
        kind=ChannelKind.WHATSAPP,
        external_id="100000000000009",
        access_token=ACCESS_TOKEN,
        messages_per_second=MAX_MESSAGES_PER_SECOND,
    )
    for word, nodes in {"say": [*REMEMBER, REPLY], "later": [*REMEMBER, PAUSE, REPLY]}.items():
        flow = flows.create(organization=organization, bot=bot, name=word)
        for node in nodes:
            flows.add_node(flow=flow, type=node["type"], config=node["config"])
        flows.publish(flow=flow)
        triggers.save(
            Trigger(
                organization=organization,
                bot=bot,
                flow=flow,
                name=word,
                keywords=[word],
                match_type=MatchType.STARTS_WITH,
            )
        )
    return {"phone_number_id": channel.external_id, "bot_id": bot.pk}


def queue_texts(people: str, per_person: str, per_second: str) -> dict[str, Any]:
    """Queue texts to new contacts of the first channel, which may send so many a second."""
    channel = Channel.objects.select_related("bot").earliest("id")
    Channel.objects.filter(pk=channel.pk).update(messages_per_second=int(per_second))
    tomorrow = clock.now() + timedelta(days=1)
    conversations = [
        factories.conversation(channel, factories.contact(channel.organization), window_expires_at=tomorrow)
        for _ in range(int(people))
    ]
    with transaction.atomic():
        messages.queue_many(
            [
                messages.Draft(
                    conversation=conversation, type="text", content={"text": f"{number}"}, origin_kind="api"
                )
                for number in range(int(per_person))
                for conversation in conversations
            ]
        )
    return {"count": int(people) * int(per_person)}


def enqueue(orders: str) -> dict[str, Any]:
    """Enqueue `[{"kind", "organization_id", "first", "count"}, …]`, dealt in turn."""
    heaps = [
        [(heap["kind"], heap["organization_id"], heap["first"] + number) for number in range(heap["count"])]
        for heap in json.loads(orders)
    ]
    rows = [heap[place] for place in range(max(map(len, heaps))) for heap in heaps if place < len(heap)]
    with transaction.atomic():
        queue.enqueue_many(
            queue.Order(kind=kind, subject_id=subject, organization_id=organization_id, queue="interactive")
            for kind, organization_id, subject in rows
        )
    return {"count": len(rows)}


def report() -> dict[str, Any]:
    """Count what is in the database."""
    outbound = Message.objects.filter(direction="outbound")
    return {
        "receipts": WebhookReceipt.objects.filter(kind="message").count(),
        "inbound": Message.objects.filter(direction="inbound").count(),
        "executions": Execution.objects.count(),
        "outbound": outbound.count(),
        "by_status": {
            status: outbound.filter(status=status).count()
            for status in set(outbound.values_list("status", flat=True))
        },
        "attempts": SendAttempt.objects.count(),
        "listed": listed(outbound),
        "open_work": WorkItem.objects.exclude(state="dead").count(),
        "dead_work": list(
            WorkItem.objects.filter(state="dead").values("kind", "subject_id", "crash_count", "last_error")
        ),
        "unfinished_ticks": TickRun.objects.filter(finished_at=None).count(),
        "crossings": crossings.find(),
        "counters": pulse.values(),
    }


def listed(outbound: QuerySet[Message]) -> list[list[str]]:
    """Return phone and text of what was unclear twice: it is sent once more, and then left to a person."""
    tries = outbound.filter(status=MessageStatus.UNKNOWN).annotate(tries=Count("attempts"))
    return [list(row) for row in tries.filter(tries__gt=1).values_list("contact__phone", "text")]


TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    **rig_watch.TASKS,
    **rig_notifications.TASKS,
    **rig_compression.TASKS,
    **rig_invitations.TASKS,
    **rig_telegram.TASKS,
    "seed_echo": seed_echo,
    "enqueue": enqueue,
    "queue_texts": queue_texts,
    "report": report,
}
