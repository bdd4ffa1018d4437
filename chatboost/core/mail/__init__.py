"""Mail: written to the outbox in the caller's transaction, sent by work, kept where there is no server."""

from chatboost.core.mail.addresses import check_address
from chatboost.core.mail.delivery import DELIVERY
from chatboost.core.mail.outbox import may_send_again, queue, queue_rendered, send_again
from chatboost.core.mail.rendering import Rendered

__all__ = ["DELIVERY", "Rendered", "check_address", "may_send_again", "queue", "queue_rendered", "send_again"]
