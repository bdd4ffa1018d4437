"""Notifications: people are told something, in the console and by the media they have chosen.

The rows come first, in the caller's transaction; sockets, mails and Telegram only carry them.
"""

from teams.notifications.writing import notify

__all__ = ["notify"]
