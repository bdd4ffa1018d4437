"""The demo's flows: a greeting, and a small order that shows every kind of node but the webhook."""

from datetime import datetime
from typing import Any

from chatboost.messaging.demo import NAME as BOT_NAME
from chatboost.messaging.models import Bot
from flows.models import Flow
from flows.services import flows
from teams.models import Organization

GREETING = "Greeting"
MENU = "Menu"

_GREETING_NODES: list[dict[str, Any]] = [
    {
        "type": "send_message",
        "config": {
            "message_type": "text",
            "content": {
                "text": 'Hello {{contact.first_name | default("there")}}! I am the demo bot. '
                "Write “menu” to order something."
            },
        },
    },
]

_MENU_NODES: list[dict[str, Any]] = [
    {
        "type": "send_message",
        "config": {
            "message_type": "interactive",
            "content": {
                "body": "What may I bring you?",
                "buttons": [{"id": "tea", "title": "Tea"}, {"id": "coffee", "title": "Coffee"}],
            },
            "next": 1,
        },
    },
    {"type": "wait", "config": {"wait_for": "input", "variable": "state.drink", "next": 2}},
    {
        "type": "set_attribute",
        "config": {
            "attribute_key": "favourite_drink",
            "attribute_value": "{{state.drink}}",
            "value_type": "string",
            "next": 3,
        },
    },
    {
        "type": "condition",
        "config": {
            "variable": "state.drink",
            "operator": "==",
            "value": "tea",
            "true_path": 4,
            "false_path": 6,
        },
    },
    {
        "type": "send_message",
        "config": {"message_type": "text", "content": {"text": "Tea takes five seconds to draw…"}, "next": 5},
    },
    {"type": "wait", "config": {"duration": 5, "unit": "seconds", "next": 6}},
    {
        "type": "send_message",
        "config": {
            "message_type": "text",
            "content": {"text": "Here is your {{contact.attribute.favourite_drink}}. Enjoy!"},
        },
    },
]


def seed(organization: Organization, now: datetime) -> None:
    """Make and publish the flows once."""
    bot = Bot.objects.for_organization(organization).get(name=BOT_NAME)
    for name, nodes in ((GREETING, _GREETING_NODES), (MENU, _MENU_NODES)):
        if Flow.objects.filter(bot=bot, name=name).exists():
            continue
        flow = flows.create(organization=organization, bot=bot, name=name)
        for node in nodes:
            flows.add_node(flow=flow, type=node["type"], config=node["config"])
        flows.publish(flow=flow)
