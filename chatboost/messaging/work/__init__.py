"""Work of this room: messages that came in, statuses, sends."""

from chatboost.core.work import kinds
from chatboost.messaging.work.inbound import InboundKind
from chatboost.messaging.work.orphans import JoinKind
from chatboost.messaging.work.sending import SendKind
from chatboost.messaging.work.statuses import StatusKind

for kind in (InboundKind(), StatusKind(), JoinKind(), SendKind()):
    kinds.register(kind)
