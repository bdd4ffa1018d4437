"""App configuration."""

from typing import Any

from django.apps import AppConfig, apps

from chatboost.core import live


class MessagingConfig(AppConfig):
    """Messaging."""

    name = "chatboost.messaging"
    label = "messaging"
    verbose_name = "Messaging"

    def ready(self) -> None:
        """Say who may follow a conversation live."""
        live.register_topic("conversation", _may_follow_conversation)


def _may_follow_conversation(user: Any, organization: Any, number: int) -> bool:
    """Tell whether the conversation is the organization's, and the role may read messages."""
    if organization is None or not user.has_perm("messaging.view_message", organization):
        return False
    conversations = apps.get_model("messaging", "Conversation")._default_manager
    return conversations.filter(pk=number, organization=organization).exists()
