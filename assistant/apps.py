"""App configuration."""

from django.apps import AppConfig


class AssistantConfig(AppConfig):
    """Assistant."""

    name = "assistant"
    label = "assistant"
    verbose_name = "Assistant"
