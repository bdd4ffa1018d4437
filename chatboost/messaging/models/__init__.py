"""Bots, channels, contacts, conversations, messages, receipts."""

from chatboost.messaging.models.bot import (
    MAX_MESSAGES_PER_SECOND,
    MESSAGES_PER_SECOND,
    WHATSAPP_KINDS,
    Bot,
    Channel,
    ChannelHealth,
    ChannelKind,
)
from chatboost.messaging.models.contact import Contact, ContactAttribute, ContactStatus, ValueType
from chatboost.messaging.models.conversation import Conversation
from chatboost.messaging.models.message import (
    STATUS_RANK,
    AttemptState,
    DeliveryStatus,
    Direction,
    Message,
    MessageStatus,
    OriginKind,
    SendAttempt,
)
from chatboost.messaging.models.receipt import ReceiptKind, WebhookReceipt

__all__ = [
    "MAX_MESSAGES_PER_SECOND",
    "MESSAGES_PER_SECOND",
    "STATUS_RANK",
    "WHATSAPP_KINDS",
    "AttemptState",
    "Bot",
    "Channel",
    "ChannelHealth",
    "ChannelKind",
    "Contact",
    "ContactAttribute",
    "ContactStatus",
    "Conversation",
    "DeliveryStatus",
    "Direction",
    "Message",
    "MessageStatus",
    "OriginKind",
    "ReceiptKind",
    "SendAttempt",
    "ValueType",
    "WebhookReceipt",
]
