"""The demo's keywords."""

from datetime import datetime

from chatboost.messaging.demo import NAME as BOT_NAME
from chatboost.messaging.models import Bot
from flows import demo as flow_demo
from flows.models import Flow
from teams.models import Organization
from triggers.models import MatchType, Trigger
from triggers.services import triggers

_KEYWORDS = {
    flow_demo.GREETING: ["hello", "hi", "hey", "سلام"],
    flow_demo.MENU: ["menu"],
}


def seed(organization: Organization, now: datetime) -> None:
    """Make the triggers once. They interrupt a waiting flow, so the demo never seems stuck."""
    bot = Bot.objects.for_organization(organization).get(name=BOT_NAME)
    for flow_name, keywords in _KEYWORDS.items():
        flow = Flow.objects.get(bot=bot, name=flow_name)
        if Trigger.objects.filter(bot=bot, flow=flow).exists():
            continue
        triggers.save(
            Trigger(
                organization=organization,
                bot=bot,
                flow=flow,
                name=f"{flow_name} keywords",
                keywords=keywords,
                match_type=MatchType.EXACT,
                priority=10,
                interrupts=True,
            )
        )
