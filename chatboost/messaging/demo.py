"""The demo's bot: a sandbox WhatsApp number and the simulated phone."""

from datetime import datetime

from django.conf import settings

from chatboost.messaging.models import Bot
from chatboost.messaging.services import bots
from teams.models import Organization

NAME = "Demo bot"
PHONE_NUMBER_ID = "100000000000001"


def seed(organization: Organization, now: datetime) -> None:
    """Make the bot once. Credentials from the environment make its channel a real one."""
    if Bot.objects.for_organization(organization).filter(name=NAME).exists():
        return
    bots.create(
        organization=organization,
        name=NAME,
        description="Answers “hello” and “menu”. Its sends go to the sandbox until real credentials are set.",
        phone_number_id=settings.WHATSAPP_PHONE_NUMBER_ID or PHONE_NUMBER_ID,
        access_token=settings.WHATSAPP_ACCESS_TOKEN,
    )
