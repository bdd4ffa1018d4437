"""Work of this room: mails about notifications, messages and boards in Telegram, accounts at Google."""

from chatboost.core.work import kinds
from teams.work.google import RefreshKind, RevokeKind
from teams.work.mails import MailKind
from teams.work.telegram import TelegramKind
from teams.work.telegram_boards import BoardKind

for kind in (MailKind(), TelegramKind(), BoardKind(), RefreshKind(), RevokeKind()):
    kinds.register(kind)
