"""Work of this room: mails about notifications, messages to Telegram, boards there."""

from chatboost.core.work import kinds
from teams.work.mails import MailKind
from teams.work.telegram import TelegramKind
from teams.work.telegram_boards import BoardKind

for kind in (MailKind(), TelegramKind(), BoardKind()):
    kinds.register(kind)
