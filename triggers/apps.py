"""App configuration."""

from importlib import import_module

from django.apps import AppConfig


class TriggersConfig(AppConfig):
    """Triggers."""

    name = "triggers"
    label = "triggers"
    verbose_name = "Triggers"

    def ready(self) -> None:
        """Register the inbound handlers."""
        import_module("triggers.inbound")
