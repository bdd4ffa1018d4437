"""When a chat may be written to next: Telegram's limits, and what it has asked for since."""

from datetime import datetime, timedelta

from chatboost.core import clock, limits
from teams.models import TelegramPause
from teams.notifications.telegrams import Address
from teams.providers.base import NotTaken

# One message a second in a chat, 20 a minute in a group; edits count. Source: core.telegram.org/bots/faq,
# "My bot is hitting limits".
PER_CHAT = 1, timedelta(seconds=1)
PER_GROUP = 20, timedelta(minutes=1)


def turn(address: Address, now: datetime) -> datetime | None:
    """Take a turn in the chat; or return when to come back."""
    pause = TelegramPause.objects.filter(chat=address.name, until__gt=now).first()
    if pause:
        return pause.until
    is_private = address.chat_id.isdigit()
    for limit, window in [PER_CHAT] if is_private else [PER_CHAT, PER_GROUP]:
        key = f"telegram:{address.chat_id}:{window.total_seconds():.0f}"
        verdict = limits.hit(key, limit=limit, window=window)
        if not verdict.is_allowed:
            return now + max(verdict.retry_after, timedelta(milliseconds=50))
    return None


def heed(address: Address, outcome: object) -> None:
    """Keep everybody out of the chat for as long as Telegram asks; a longer wish than before counts."""
    if not (isinstance(outcome, NotTaken) and outcome.after):
        return
    until = clock.now() + outcome.after
    kept, is_new = TelegramPause.objects.get_or_create(chat=address.name, defaults={"until": until})
    if not is_new:
        TelegramPause.objects.filter(pk=kept.pk, until__lt=until).update(until=until)
