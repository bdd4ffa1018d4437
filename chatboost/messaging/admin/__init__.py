"""Pages of bots, channels, contacts, conversations, messages and receipts."""

from chatboost.messaging.admin import bots, channels, contacts, conversations, messages, receipts

__all__ = ["bots", "channels", "contacts", "conversations", "messages", "receipts"]
