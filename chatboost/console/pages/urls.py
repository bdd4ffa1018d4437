"""Addresses of the console's own pages, below the model they are about."""

from django.urls import URLPattern, path
from unfold.sites import UnfoldAdminSite

from chatboost.console.pages import chat, thread
from chatboost.core import preferences
from chatboost.core.admin.pages import ConsolePage
from chatboost.core.admin.preferences import SettingsPage
from teams.admin.announcements import AnnouncePage

PAGES: tuple[tuple[str, str, type[ConsolePage]], ...] = (
    ("messaging/conversation/<int:pk>/thread/", "messaging_conversation_thread", thread.ThreadPage),
    (
        "messaging/conversation/<int:pk>/thread/messages/",
        "messaging_conversation_messages",
        thread.ThreadMessages,
    ),
    ("messaging/conversation/<int:pk>/thread/reply/", "messaging_conversation_reply", thread.ThreadReply),
    ("messaging/conversation/<int:pk>/thread/bot/", "messaging_conversation_bot", thread.ThreadBot),
    ("messaging/bot/<int:pk>/chat/", "messaging_bot_chat", chat.ChatPage),
    ("messaging/bot/<int:pk>/chat/messages/", "messaging_bot_chat_messages", chat.ChatMessages),
    ("messaging/bot/<int:pk>/chat/say/", "messaging_bot_chat_say", chat.ChatSay),
    ("messaging/bot/<int:pk>/chat/reset/", "messaging_bot_chat_reset", chat.ChatReset),
    ("teams/announce/", "teams_announce", AnnouncePage),
)

SETTINGS: tuple[tuple[str, str, type[ConsolePage]], ...] = (
    ("settings/", "settings", SettingsPage),
    ("settings/<slug:room>/", "settings_room", SettingsPage),
)


def patterns(site: UnfoldAdminSite) -> list[URLPattern]:
    """Return the pages' addresses, behind the site's door."""
    # Without anything to set there is no such page, and so no entry in the sidebar.
    pages = PAGES + (SETTINGS if preferences.rooms() else ())
    return [path(route, site.admin_view(page.as_view(site=site)), name=name) for route, name, page in pages]
