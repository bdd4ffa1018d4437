"""Work of this room: mails about notifications, messages to Telegram."""

from chatboost.core.work import kinds
from teams.work.mails import MailKind
from teams.work.telegram import TelegramKind

for kind in (MailKind(), TelegramKind()):
    kinds.register(kind)
