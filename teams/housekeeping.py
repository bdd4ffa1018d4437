"""How long this room keeps what, and what it looks after by the clock."""

from datetime import timedelta

from chatboost.core import retention, ticks
from teams.models import Notification, TelegramMessage
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
    "Telegram messages", days=30, rows=lambda cutoff: TelegramMessage.objects.filter(created_at__lt=cutoff)
)
ticks.declare("tell of dead work", run=incidents.tell_of_dead_work, every=timedelta(minutes=1))
ticks.declare("purge deleted organizations", run=deletion.purge_due, every=timedelta(hours=1))
