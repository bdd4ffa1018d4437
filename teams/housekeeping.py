"""How long this room keeps what, and what it looks after by the clock."""

from datetime import timedelta

from chatboost.core import retention, ticks
from teams.models import Notification, OAuthState, TelegramBoard, TelegramMessage, TelegramPause
from teams.notifications import incidents
from teams.services import deletion

retention.keep(
    "read notifications",
    days=30,
    rows=lambda cutoff: Notification.objects.filter(created_at__lt=cutoff, read_at__isnull=False),
)
retention.keep(
    "notifications", days=90, rows=lambda cutoff: Notification.objects.filter(created_at__lt=cutoff)
)
retention.keep(
    "Telegram boards", days=30, rows=lambda cutoff: TelegramBoard.objects.filter(changed_at__lt=cutoff)
)
# A board that still changes needs its message.
retention.keep(
    "Telegram messages",
    days=30,
    rows=lambda cutoff: TelegramMessage.objects.filter(created_at__lt=cutoff, board=None),
)
retention.keep("Telegram pauses", days=0, rows=lambda cutoff: TelegramPause.objects.filter(until__lt=cutoff))
retention.keep(
    "Google sign-in states", days=1, rows=lambda cutoff: OAuthState.objects.filter(created_at__lt=cutoff)
)
ticks.declare("tell of dead work", run=incidents.tell_of_dead_work, every=timedelta(minutes=1))
ticks.declare("purge deleted organizations", run=deletion.purge_due, every=timedelta(hours=1))
