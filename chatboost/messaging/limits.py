"""How much of this room's an organization may have."""

from chatboost.messaging.models import WHATSAPP_KINDS, Bot, Channel
from teams.limits import declare

declare("bots", "bots", 50, lambda organization: Bot.objects.for_organization(organization).count())
# Each bot comes with a simulator, which costs nobody anything.
declare(
    "channels",
    "channels",
    10,
    lambda organization: (
        Channel.objects.for_organization(organization).filter(kind__in=WHATSAPP_KINDS).count()
    ),
)
