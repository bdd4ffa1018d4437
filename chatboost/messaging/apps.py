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
        """Say who may follow a conversation live, and what this room has to measure."""
        from chatboost.messaging import metrics  # noqa: F401 it registers itself; it needs the models

        live.register_topic("conversation", _is_conversation_of, permission="messaging.view_message")


def _is_conversation_of(organization: Any, number: int) -> bool:
    """Tell whether the conversation is the organization's."""
    conversations = apps.get_model("messaging", "Conversation")._default_manager
    return conversations.filter(pk=number, organization=organization).exists()
