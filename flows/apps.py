"""App configuration."""

from importlib import import_module

from django.apps import AppConfig


class FlowsConfig(AppConfig):
    """Flows."""

    name = "flows"
    label = "flows"
    verbose_name = "Flows"

    def ready(self) -> None:
        """Register the inbound handler."""
        import_module("flows.inbound")
