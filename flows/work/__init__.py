"""Work of this room: timers, and the calls of webhook nodes."""

from chatboost.core.work import kinds
from flows.work.timers import WakeKind
from flows.work.webhooks import AnswerKind, WebhookKind

for kind in (WakeKind(), WebhookKind(), AnswerKind()):
    kinds.register(kind)
