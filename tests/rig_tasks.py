"""What the rig asks of the installation's database, as `python -m tests.rig_tasks NAME`."""

import json
import sys
from collections.abc import Callable
from typing import Any

import django

django.setup()

from chatboost.core.models import WorkItem  # noqa: E402
from chatboost.messaging.models import ChannelKind, Message, SendAttempt, WebhookReceipt  # noqa: E402
from flows.models import Execution  # noqa: E402
from flows.services import flows  # noqa: E402
from tests import factories  # noqa: E402
from tests.rig import ACCESS_TOKEN  # noqa: E402
from triggers.models import MatchType, Trigger  # noqa: E402
from triggers.services import triggers  # noqa: E402


def seed_echo() -> dict[str, Any]:
    """A bot on a real channel whose flow repeats every message that starts with "say"."""
    organization = factories.organization(name="Rig", slug="rig")
    bot = factories.bot(organization)
    channel = factories.channel(
        bot, kind=ChannelKind.WHATSAPP, external_id="100000000000009", access_token=ACCESS_TOKEN
    )
    flow = flows.create(organization=organization, bot=bot, name="Echo")
    nodes: list[dict[str, Any]] = [
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
        {
            "type": "send_message",
            "config": {"message_type": "text", "content": {"text": "echo {{contact.attribute.said}}"}},
        },
    ]
    for node in nodes:
        flows.add_node(flow=flow, type=node["type"], config=node["config"])
    flows.publish(flow=flow)
    trigger = Trigger(
        organization=organization,
        bot=bot,
        flow=flow,
        name="say",
        keywords=["say"],
        match_type=MatchType.STARTS_WITH,
    )
    triggers.save(trigger)
    return {"phone_number_id": channel.external_id, "bot_id": bot.pk}


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
        "open_work": WorkItem.objects.exclude(state="dead").count(),
        "dead_work": list(WorkItem.objects.filter(state="dead").values("kind", "last_error")),
    }


TASKS: dict[str, Callable[[], dict[str, Any]]] = {"seed_echo": seed_echo, "report": report}

if __name__ == "__main__":
    print(json.dumps(TASKS[sys.argv[1]]()))
