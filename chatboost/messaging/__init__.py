"""Messaging: bots, channels, contacts, conversations, messages and the vendors that carry them."""
